package identity

import (
	"bytes"
	"os"

	"golang.org/x/sys/unix"
)

// replace writes a file with the given mode, regardless of the umask, unless it already has that content.
//
// It overwrites the file in place and cuts off the rest. If it emptied the file first, ext4 would write it to disk as
// soon as it is closed (auto_da_alloc in ext4(5)), which takes an emulated machine more than a millisecond.
func replace(path string, content []byte, mode os.FileMode) error {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, mode)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if info.Size() == int64(len(content)) && has(file, content) {
		return nil
	}
	if info.Mode().Perm() != mode {
		if err := file.Chmod(mode); err != nil {
			return err
		}
	}
	if _, err := file.WriteAt(content, 0); err != nil {
		return err
	}
	if info.Size() > int64(len(content)) {
		return file.Truncate(int64(len(content)))
	}
	return nil
}

// has returns whether a file begins with this content.
func has(file *os.File, content []byte) bool {
	there := make([]byte, len(content))
	_, err := file.ReadAt(there, 0)
	return err == nil && bytes.Equal(there, content)
}
