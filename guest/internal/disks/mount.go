// Package disks mounts the disks in a machine's slots, and freezes file systems for a moment.
package disks

import (
	"fmt"
	"log"
	"os"
	"path/filepath"
	gosync "sync"

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

// changing allows one disk to be mounted or unmounted at a time: a host that waited too long for one goes on with the
// other.
var changing gosync.Mutex

// Mount mounts the disk in a slot. It must run as root. Missing directories are created, and a file system that is
// smaller than the disk grows, if it can: one with errors cannot. What is mounted below the target already would be hidden, so that is refused.
func Mount(slot int, target string, readOnly bool, owner Owner) (err error) {
	changing.Lock()
	defer changing.Unlock()
	if err := checkTarget(target); err != nil {
		return err
	}
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
	if err := mountAt(device, target, readOnly); err != nil {
		return fault.Path(err, "mount", target)
	}
	if readOnly {
		return nil
	}
	// As it is, its files can be read, and saved.
	if err := GrowToDevice(device); err != nil {
		log.Printf("the file system at %s stays smaller than its disk: %v", target, err)
	}
	return nil
}

func mountAt(device, target string, readOnly bool) error {
	flags := uintptr(unix.MS_NOATIME)
	if readOnly {
		flags |= unix.MS_RDONLY
	}
	return unix.Mount(device, target, "ext4", flags, options)
}

func checkTarget(target string) error {
	real, err := filepath.EvalSymlinks(target)
	if err != nil {
		return nil // It does not exist yet, or cannot be created either.
	}
	mounts, err := mountPoints()
	if err != nil {
		return err
	}
	if below := mountBelow(real, mounts); below != "" {
		return fault.WithCode("Busy", "EBUSY", "%s is mounted below it", below)
	}
	return nil
}

// Unmount unmounts the disk in a slot wherever it is mounted. It must run as root. A file system that is in use stays,
// unless force is set: then its files fail from now on.
func Unmount(slot int, force bool) error {
	changing.Lock()
	defer changing.Unlock()
	device := deviceOf(slot)
	if device == "" {
		return nil
	}
	number, err := numberOf(device)
	if err != nil {
		return err
	}
	mounts, err := mountsOf(device)
	if err != nil {
		return err
	}
	for i := len(mounts) - 1; i >= 0; i-- {
		if err := unmountAt(mounts[i].target, number, force); err != nil {
			return fault.Path(err, "unmount", mounts[i].target)
		}
	}
	if isMounted(device) {
		// Programs have its files open, or another mount namespace has it.
		if !force {
			return fault.Path(unix.EBUSY, "unmount", mountBack(device, mounts))
		}
		sync(device)
	}
	return drives.Unbind(firstPlace + slot)
}

// unmountAt unmounts a device from a path. What hides it stays: it is not the device's.
func unmountAt(target string, number uint64, force bool) error {
	var stat unix.Stat_t
	if err := unix.Lstat(target, &stat); err != nil || stat.Dev != number {
		if force {
			return nil
		}
		return unix.EBUSY
	}
	err := unix.Unmount(target, unix.UMOUNT_NOFOLLOW)
	if err == unix.EBUSY && force {
		err = unix.Unmount(target, unix.UMOUNT_NOFOLLOW|unix.MNT_DETACH)
	}
	return err
}

// mountBack mounts a device where it was, and returns that.
func mountBack(device string, mounts []mountPoint) string {
	for _, m := range mounts {
		if m.root == "/" {
			_ = mountAt(device, m.target, m.readOnly)
			return m.target
		}
	}
	return device
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
