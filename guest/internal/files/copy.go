package files

import (
	"io"

	"golang.org/x/sys/unix"

	"sandkeep.dev/guest/internal/fault"
)

// Copy copies the content and permissions of a regular file.
func Copy(from, to string) error {
	if err := checkPaths(from, to); err != nil {
		return err
	}
	return fault.Paths(copyFile(from, to), "copy", from, to)
}

func copyFile(from, to string) error {
	source, err := openFd(from, unix.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer unix.Close(source)
	var stat, existing unix.Stat_t
	if err := unix.Fstat(source, &stat); err != nil {
		return err
	}
	if stat.Mode&unix.S_IFMT != unix.S_IFREG {
		return fault.WithCode("TypeError", "EINVAL", "the source path is neither a regular file nor a symlink to a regular file: copy '%s' -> '%s'", from, to)
	}
	// Opening the target truncates it, which must not happen to the source.
	if unix.Stat(to, &existing) == nil && existing.Dev == stat.Dev && existing.Ino == stat.Ino {
		return nil
	}
	target, err := openFd(to, unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC, stat.Mode&0o777)
	if err != nil {
		return err
	}
	defer unix.Close(target)
	if err := unix.Fstat(target, &existing); err != nil {
		return err
	}
	if existing.Mode&unix.S_IFMT == unix.S_IFREG {
		if err := unix.Fchmod(target, stat.Mode&0o7777); err != nil {
			return err
		}
	}
	return copyContent(source, target)
}

// copyContent lets the kernel copy if it can, and otherwise reads and writes.
func copyContent(source, target int) error {
	const step = 64 << 20
	copied := false
	for {
		n, err := unix.CopyFileRange(source, nil, target, nil, step, 0)
		switch {
		case err == unix.EINTR:
		case err != nil && !copied:
			return copyByHand(source, target)
		case err != nil:
			return err
		case n == 0 && !copied:
			// copy_file_range sees files without a length, as in /proc, as empty.
			return copyByHand(source, target)
		case n == 0:
			return nil
		default:
			copied = true
		}
	}
}

func copyByHand(source, target int) error {
	buffer := Buffer()
	defer Release(buffer)
	for {
		n, err := ReadFd(source, *buffer)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := WriteFd(target, (*buffer)[:n]); err != nil {
			return err
		}
	}
}
