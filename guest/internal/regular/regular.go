// Package regular reads files of a root that somebody else may have prepared: only regular files, only up to a limit,
// and without ever waiting, as for the other end of a pipe.
package regular

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// maxBytes is the size of the largest file that is read. The largest that is needed, the list of certificate
// authorities, has 220 KB.
const maxBytes = 8 << 20

// Read reads a file.
func Read(path string) ([]byte, error) {
	return readAt(unix.AT_FDCWD, path, 0)
}

// ReadBelow reads a file below an open directory, with links resolved as if that were the root.
func ReadBelow(directory int, path string) ([]byte, error) {
	return readAt(directory, path, unix.RESOLVE_IN_ROOT)
}

// ExistsBelow returns an error unless there is a regular file.
func ExistsBelow(directory int, path string) error {
	file, err := open(directory, path, unix.O_PATH, unix.RESOLVE_IN_ROOT)
	if err != nil {
		return err
	}
	return file.Close()
}

func readAt(directory int, path string, resolve uint64) ([]byte, error) {
	file, err := open(directory, path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, resolve)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maxBytes+1))
	if err == nil && len(content) > maxBytes {
		return nil, fmt.Errorf("larger than %d bytes", maxBytes)
	}
	return content, err
}

func open(directory int, path string, flags, resolve uint64) (*os.File, error) {
	fd, err := unix.Openat2(directory, path, &unix.OpenHow{Flags: flags | unix.O_CLOEXEC, Resolve: resolve})
	if err != nil {
		return nil, err
	}
	err = onDisk(fd)
	file := os.NewFile(uintptr(fd), path)
	if err == nil {
		var info os.FileInfo
		if info, err = file.Stat(); err == nil && !info.Mode().IsRegular() {
			err = fmt.Errorf("not a regular file")
		}
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// onDisk refuses files that the kernel makes up as they are read: reading some of them waits, such as /proc/kmsg.
func onDisk(fd int) error {
	var stat unix.Statfs_t
	if err := unix.Fstatfs(fd, &stat); err != nil {
		return err
	}
	switch stat.Type {
	case unix.PROC_SUPER_MAGIC, unix.SYSFS_MAGIC, unix.DEBUGFS_MAGIC, unix.TRACEFS_MAGIC:
		return fmt.Errorf("not a file on a disk")
	}
	return nil
}
