// Package disks mounts the disks in a machine's slots, and freezes file systems for a moment.
package disks

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"sandkeep.dev/guest/internal/drives"
	"sandkeep.dev/guest/internal/fault"
)

const (
	// firstPlace is that of the first slot on the bus: the root disk has the one before.
	firstPlace = 1
	// options of every mount. What the host's file has no data for is zeros, so inode tables need no initialising; a disk
	// that failed is not written any more.
	options = "noinit_itable,errors=remount-ro"
)

// Owner has the directories that are created for mounts.
type Owner struct{ UID, GID uint32 }

// Root is the root disk, in place of a slot.
const Root = -1

// serial is the serial number of a slot's drive.
func serial(slot int) string {
	if slot == Root {
		return "root"
	}
	return fmt.Sprintf("vol%d", slot)
}

// Mount mounts the disk in a slot. It must run as root. Missing directories are created, and a file system that is
// smaller than the disk grows.
func Mount(slot int, target string, readOnly bool, owner Owner) (err error) {
	device, err := drives.Bind(firstPlace+slot, serial(slot))
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = drives.Unbind(firstPlace + slot)
		}
	}()
	if err := makeDirectories(target, owner); err != nil {
		return fault.Path(err, "mount", target)
	}
	flags := uintptr(unix.MS_NOATIME)
	if readOnly {
		flags |= unix.MS_RDONLY
	}
	if err := unix.Mount(device, target, "ext4", flags, options); err != nil {
		return fault.Path(err, "mount", target)
	}
	if readOnly {
		return nil
	}
	if err := GrowToDevice(device, target); err != nil {
		_ = unix.Unmount(target, 0)
		return err
	}
	return nil
}

// Unmount unmounts the disk in a slot wherever it is mounted. It must run as root. A file system that is in use stays,
// unless force is set: then its files fail from now on.
func Unmount(slot int, force bool) error {
	device := deviceOf(slot)
	if device == "" {
		return nil
	}
	mounts, err := mountsOf(device)
	if err != nil {
		return err
	}
	for i := len(mounts) - 1; i >= 0; i-- {
		err := unix.Unmount(mounts[i], unix.UMOUNT_NOFOLLOW)
		if err == unix.EBUSY && force {
			sync(mounts[i])
			err = unix.Unmount(mounts[i], unix.UMOUNT_NOFOLLOW|unix.MNT_DETACH)
		}
		if err != nil {
			return fault.Path(err, "unmount", mounts[i])
		}
	}
	return drives.Unbind(firstPlace + slot)
}

// deviceOf finds the device of a slot; it is empty if the drive has no driver.
func deviceOf(slot int) string {
	names, _ := filepath.Glob("/sys/block/vd*")
	for _, name := range names {
		content, err := os.ReadFile(filepath.Join(name, "serial"))
		if err == nil && strings.TrimSpace(string(content)) == serial(slot) {
			return "/dev/" + filepath.Base(name)
		}
	}
	return ""
}

func sync(target string) {
	if directory, err := unix.Open(target, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err == nil {
		_ = unix.Syncfs(directory)
		_ = unix.Close(directory)
	}
}

// makeDirectories creates a directory and those above it where missing, for the owner.
func makeDirectories(path string, owner Owner) error {
	if info, err := os.Stat(path); err == nil {
		if !info.IsDir() {
			return unix.ENOTDIR
		}
		return nil
	}
	if parent := filepath.Dir(path); parent != path {
		if err := makeDirectories(parent, owner); err != nil {
			return err
		}
	}
	if err := unix.Mkdir(path, 0o755); err != nil {
		return err
	}
	return unix.Chown(path, int(owner.UID), int(owner.GID))
}
