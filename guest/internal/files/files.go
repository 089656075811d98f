// Package files implements the file API with Deno's semantics, directly on system calls: the kernel checks permissions
// for the user whose file system IDs the threads carry, and its error numbers reach the client unchanged.
package files

import (
	"strings"

	"golang.org/x/sys/unix"

	"sandkeep.dev/guest/internal/fault"
	"sandkeep.dev/guest/internal/workdir"
)

// retry repeats a system call while signals interrupt it.
func retry(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}

// Mkdir makes a directory. With recursive it also makes the parents and accepts an existing directory.
func Mkdir(path string, recursive bool, mode uint32) error {
	err := CheckPath(path)
	if err == nil {
		err = unix.Mkdir(path, mode)
	}
	if err != nil && recursive {
		err = mkdirAll(path, mode, err)
	}
	return fault.Path(err, "mkdir", path)
}

// mkdirAll continues after a first mkdir failed with err.
func mkdirAll(path string, mode uint32, err error) error {
	switch err {
	case unix.EEXIST:
		if IsDirectory(path) {
			return nil
		}
		return err
	case unix.ENOENT:
		parent := parentOf(path)
		if parent == "" {
			return err
		}
		if err := unix.Mkdir(parent, mode); err != nil {
			if err := mkdirAll(parent, mode, err); err != nil {
				return err
			}
		}
		if err := unix.Mkdir(path, mode); err != nil && !(err == unix.EEXIST && IsDirectory(path)) {
			return err
		}
		return nil
	}
	return err
}

// IsDirectory reports whether a path leads to a directory.
func IsDirectory(path string) bool {
	var stat unix.Stat_t
	return unix.Stat(path, &stat) == nil && stat.Mode&unix.S_IFMT == unix.S_IFDIR
}

// parentOf returns the path without its last component, or "" if there is none above.
func parentOf(path string) string {
	path = strings.TrimRight(path, "/")
	at := strings.LastIndexByte(path, '/')
	if at < 0 {
		return ""
	}
	return strings.TrimRight(path[:at], "/")
}

// Rename moves a file within a file system.
func Rename(from, to string) error {
	if err := checkPaths(from, to); err != nil {
		return err
	}
	return fault.Paths(unix.Rename(from, to), "rename", from, to)
}

// Chmod sets the permission bits.
func Chmod(path string, mode uint32) error {
	if err := CheckPath(path); err != nil {
		return err
	}
	return fault.Path(unix.Chmod(path, mode&0o7777), "chmod", path)
}

// Chown sets the owner and group; nil leaves them unchanged.
func Chown(path string, uid, gid *uint32) error {
	if err := CheckPath(path); err != nil {
		return err
	}
	return fault.Path(unix.Chown(path, idOrSame(uid), idOrSame(gid)), "chown", path)
}

func idOrSame(id *uint32) int {
	if id == nil {
		return -1
	}
	return int(*id)
}

// Link creates a hard link at path to target.
func Link(target, path string) error {
	if err := checkPaths(target, path); err != nil {
		return err
	}
	return fault.Paths(unix.Link(target, path), "link", target, path)
}

// Symlink creates a symbolic link at path to target.
func Symlink(target, path string) error {
	if err := CheckName(target); err != nil {
		return err
	}
	if err := CheckPath(path); err != nil {
		return err
	}
	return fault.Paths(unix.Symlink(target, path), "symlink", target, path)
}

// ReadLink returns the target of a symbolic link.
func ReadLink(path string) (string, error) {
	if err := CheckPath(path); err != nil {
		return "", err
	}
	buffer := make([]byte, unix.PathMax)
	n, err := unix.Readlink(path, buffer)
	if err != nil {
		return "", fault.Path(err, "readlink", path)
	}
	return string(buffer[:n]), nil
}

// RealPath returns the absolute path without symbolic links, as the kernel resolves it.
func RealPath(path string) (string, error) {
	if err := CheckPath(path); err != nil {
		return "", err
	}
	fd, err := openFd(path, unix.O_PATH, 0)
	if err != nil {
		return "", fault.Path(err, "realpath", path)
	}
	defer unix.Close(fd)
	resolved, err := fdPath(fd)
	return resolved, fault.Path(err, "realpath", path)
}

// Truncate sets a file's length, padding with zeros.
func Truncate(path string, length int64) error {
	if err := CheckPath(path); err != nil {
		return err
	}
	if length < 0 {
		return fault.TypeError("Invalid length: %d", length)
	}
	return fault.Path(retry(func() error { return unix.Truncate(path, length) }), "truncate", path)
}

// CheckPath runs before every operation on a path: it checks the path and enters the current working directory.
func CheckPath(path string) error {
	if err := CheckName(path); err != nil {
		return err
	}
	return workdir.Enter(path)
}

// CheckName rejects names that the kernel would silently truncate.
func CheckName(name string) error {
	if strings.IndexByte(name, 0) >= 0 {
		return fault.WithCode("TypeError", "EINVAL", "Invalid path: file name contained an unexpected NUL byte")
	}
	return nil
}

func checkPaths(a, b string) error {
	if err := CheckPath(a); err != nil {
		return err
	}
	return CheckPath(b)
}

// openFd opens a file for the agent itself. It does not block, for example on the other end of a FIFO: a blocked open
// cannot be cancelled and holds a thread.
func openFd(path string, flags int, mode uint32) (fd int, err error) {
	err = retry(func() error {
		fd, err = unix.Open(path, flags|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOCTTY, mode)
		return err
	})
	return fd, err
}

func fdPath(fd int) (string, error) {
	buffer := make([]byte, unix.PathMax)
	n, err := unix.Readlink("/proc/self/fd/"+itoa(fd), buffer)
	if err != nil {
		return "", err
	}
	return string(buffer[:n]), nil
}
