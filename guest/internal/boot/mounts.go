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

// mounts are made before there is a root disk. Those at the top are moved onto it. Group 5 is Debian's tty.
var mounts = []mount{
	{"devtmpfs", "/dev", "devtmpfs", unix.MS_NOSUID, "mode=0755", false},
	{"proc", "/proc", "proc", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC, "", false},
	{"sysfs", "/sys", "sysfs", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC, "", false},
	{"tmpfs", "/run", "tmpfs", unix.MS_NOSUID | unix.MS_NODEV, "mode=0755", false},
	{"devpts", "/dev/pts", "devpts", unix.MS_NOSUID | unix.MS_NOEXEC, "gid=5,mode=620,ptmxmode=666", false},
	{"tmpfs", "/dev/shm", "tmpfs", unix.MS_NOSUID | unix.MS_NODEV, "mode=1777", false},
	{"mqueue", "/dev/mqueue", "mqueue", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC, "", true},
	{"tmpfs", "/run/lock", "tmpfs", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC, "mode=1777,size=5m", true},
	{"cgroup2", "/sys/fs/cgroup", "cgroup2", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC, "nsdelegate", true},
}

// moved are the mounts at the top.
var moved = []string{"dev", "proc", "sys", "run"}

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

// switchRoot mounts the disk, moves the mounts onto it, frees the initramfs and makes the disk the root. The agent's
// threads share their root and working directory, and no file of the initramfs is open.
func switchRoot(device, userName string) (User, error) {
	if err := os.MkdirAll(newRoot, 0o755); err != nil {
		return User{}, err
	}
	// No access times: a clone's disk and memory should change only when something is written.
	if err := unix.Mount(device, newRoot, "ext4", unix.MS_NOATIME, ""); err != nil {
		return User{}, fmt.Errorf("its ext4 file system cannot be mounted: %w", err)
	}
	user, err := checkRoot(newRoot, userName)
	if err != nil {
		_ = unix.Unmount(newRoot, 0)
		return User{}, err
	}
	for _, name := range moved {
		if err := unix.Mount("/"+name, newRoot+"/"+name, "", unix.MS_MOVE, ""); err != nil {
			return User{}, fmt.Errorf("move /%s: %w", name, err)
		}
	}
	freeInitramfs()
	if err := unix.Chdir(newRoot); err != nil {
		return User{}, err
	}
	if err := unix.Mount(".", "/", "", unix.MS_MOVE, ""); err != nil {
		return User{}, fmt.Errorf("move the root: %w", err)
	}
	if err := unix.Chroot("."); err != nil {
		return User{}, err
	}
	return user, unix.Chdir("/")
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
