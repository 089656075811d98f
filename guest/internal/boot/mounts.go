package boot

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

type mount struct {
	source, target, kind string
	flags                uintptr
	options              string
	// optional mounts may fail: a kernel without them still runs programs.
	optional bool
}

// early are the mounts needed to reach the root disk; they are moved onto it.
var early = []mount{
	{"devtmpfs", "/dev", "devtmpfs", unix.MS_NOSUID, "mode=0755", false},
	{"proc", "/proc", "proc", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC, "", false},
	{"sysfs", "/sys", "sysfs", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC, "", false},
}

// late are mounted on top of the root disk. Group 5 is Debian's tty.
var late = []mount{
	{"devpts", "/dev/pts", "devpts", unix.MS_NOSUID | unix.MS_NOEXEC, "gid=5,mode=620,ptmxmode=666", false},
	{"tmpfs", "/dev/shm", "tmpfs", unix.MS_NOSUID | unix.MS_NODEV, "mode=1777", false},
	{"mqueue", "/dev/mqueue", "mqueue", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC, "", true},
	{"tmpfs", "/run", "tmpfs", unix.MS_NOSUID | unix.MS_NODEV, "mode=0755", false},
	{"tmpfs", "/run/lock", "tmpfs", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC, "mode=1777,size=5m", true},
	{"cgroup2", "/sys/fs/cgroup", "cgroup2", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC, "nsdelegate", true},
}

func mountAll(mounts []mount) error {
	for _, m := range mounts {
		if err := os.MkdirAll(m.target, 0o755); err == nil || !m.optional {
			err = unix.Mount(m.source, m.target, m.kind, m.flags, m.options)
			if err != nil && err != unix.EBUSY && !m.optional {
				return fmt.Errorf("mount %s: %w", m.target, err)
			}
		}
	}
	return nil
}

const newRoot = "/newroot"

// switchRoot mounts the disk, moves the early mounts onto it, frees the initramfs and makes the disk the root.
func switchRoot(device string) error {
	if err := os.MkdirAll(newRoot, 0o755); err != nil {
		return err
	}
	// No access times: a clone's disk and memory should change only when something is written.
	if err := unix.Mount(device, newRoot, "ext4", unix.MS_NOATIME, ""); err != nil {
		return fmt.Errorf("mount %s: %w", device, err)
	}
	for _, m := range early {
		target := newRoot + m.target
		if err := os.MkdirAll(target, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(m.target, target, "", unix.MS_MOVE, ""); err != nil {
			return fmt.Errorf("move %s: %w", m.target, err)
		}
	}
	freeInitramfs()
	if err := unix.Chdir(newRoot); err != nil {
		return err
	}
	if err := unix.Mount(".", "/", "", unix.MS_MOVE, ""); err != nil {
		return fmt.Errorf("move the root: %w", err)
	}
	if err := unix.Chroot("."); err != nil {
		return err
	}
	return unix.Chdir("/")
}

// freeInitramfs frees the memory of the initramfs's files; the agent's own file stays while it runs.
func freeInitramfs() {
	var root unix.Statfs_t
	if unix.Statfs("/", &root) != nil || (root.Type != unix.RAMFS_MAGIC && root.Type != unix.TMPFS_MAGIC) {
		return
	}
	for _, path := range []string{"/init", "/modules"} {
		_ = os.RemoveAll(path)
	}
}

// openTemporary lets every user create temporary files in the directory.
func openTemporary() {
	if os.MkdirAll("/tmp", 0o1777) == nil {
		_ = unix.Chmod("/tmp", 0o1777)
	}
}
