package freezer

import (
	"bytes"
	"encoding/binary"
	"io/fs"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// The kernel's files, by system calls alone: a machine that has just been cloned or resumed has to translate all code
// that it runs, and package os runs ten times as much, for what these files do not need.

// directoryBytes is enough for all entries of most directories; others take several reads.
const directoryBytes = 8192

func open(path string, flags int) (int, error) {
	for {
		fd, err := unix.Open(path, flags|unix.O_CLOEXEC, 0)
		if err == nil {
			return fd, nil
		}
		if err != unix.EINTR {
			return -1, &fs.PathError{Op: "open", Path: path, Err: err}
		}
	}
}

func readFile(path string) ([]byte, error) {
	fd, err := open(path, unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	content := make([]byte, 0, 1024)
	for {
		if len(content) == cap(content) {
			content = append(content, 0)[:len(content)]
		}
		n, err := unix.Read(fd, content[len(content):cap(content)])
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, &fs.PathError{Op: "read", Path: path, Err: err}
		}
		if n == 0 {
			return content, nil
		}
		content = content[:len(content)+n]
	}
}

// write writes to one of a group's files, which must exist.
func write(group, name, value string) error {
	path := filepath.Join(group, name)
	fd, err := open(path, unix.O_WRONLY)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	for {
		_, err = unix.Write(fd, []byte(value))
		if err == nil {
			return nil
		}
		if err != unix.EINTR {
			return &fs.PathError{Op: "write", Path: path, Err: err}
		}
	}
}

// directories returns the names of the directories in a directory.
func directories(path string) (names []string, err error) {
	fd, err := open(path, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	buffer := make([]byte, directoryBytes)
	for {
		n, err := unix.Getdents(fd, buffer)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, &fs.PathError{Op: "read", Path: path, Err: err}
		}
		if n == 0 {
			return names, nil
		}
		// struct linux_dirent64: inode and offset, 8 bytes each, length in 2, type in 1, and the name until a zero.
		for entries := buffer[:n]; len(entries) > 0; {
			length := binary.NativeEndian.Uint16(entries[16:])
			name, _, _ := bytes.Cut(entries[19:length], []byte{0})
			if text := string(name); entries[18] == unix.DT_DIR && text != "." && text != ".." {
				names = append(names, text)
			}
			entries = entries[length:]
		}
	}
}
