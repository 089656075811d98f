package disks

import (
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

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

// isMounted says whether the file system of a device is mounted anywhere, also where only programs of another mount
// namespace see it.
func isMounted(device string) bool {
	_, err := os.Stat("/sys/fs/ext4/" + filepath.Base(device))
	return err == nil
}

// openMounted opens the root directory of a file system that is mounted. A path would lead to another one if the user has
// mounted something above it. The file system stays until the directory is closed.
func openMounted(device string) (*os.File, error) {
	directory, err := openAgain(device, false)
	// A mount cannot be writable if the file system is not.
	if err == unix.EBUSY {
		directory, err = openAgain(device, true)
	}
	return directory, err
}

// openAgain mounts a file system once more, nowhere, and opens its root directory.
func openAgain(device string, readOnly bool) (*os.File, error) {
	context, err := unix.Fsopen("ext4", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return nil, err
	}
	defer unix.Close(context)
	if err := unix.FsconfigSetString(context, "source", device); err != nil {
		return nil, err
	}
	if readOnly {
		if err := unix.FsconfigSetFlag(context, "ro"); err != nil {
			return nil, err
		}
	}
	if err := unix.FsconfigCreate(context); err != nil {
		return nil, err
	}
	mount, err := unix.Fsmount(context, unix.FSMOUNT_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(mount)
	directory, err := unix.Openat(mount, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(directory), device), nil
}

// sync writes a mounted file system to its disk.
func sync(device string) {
	if directory, err := openMounted(device); err == nil {
		_ = unix.Syncfs(int(directory.Fd()))
		directory.Close()
	}
}
