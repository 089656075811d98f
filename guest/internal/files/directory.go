package files

import (
	"io"
	"os"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"sandkeep.dev/guest/internal/contract"
	"sandkeep.dev/guest/internal/fault"
)

const (
	// maxEntries limits readDir, whose answer is a single message of at most contract.MaxCallBytes.
	maxEntries = 250_000
	// maxNameBytes limits the names in it: JSON escaping can make a name six times longer, and the other fields take 60
	// bytes.
	maxNameBytes = 8 * 1024 * 1024
	// batch is how many entries are read from the kernel at a time.
	batch = 1024
)

// ReadDir lists a directory in the kernel's order.
func ReadDir(path string) ([]contract.DirEntry, error) {
	return readDir(path, maxEntries, maxNameBytes)
}

func readDir(path string, maxEntries, maxNameBytes int) ([]contract.DirEntry, error) {
	entries := []contract.DirEntry{}
	names := 0
	err := EachEntry(path, func(entry contract.DirEntry) error {
		names += len(entry.Name)
		if len(entries) == maxEntries || names > maxNameBytes {
			return fault.WithCode("Error", "E2BIG", "The directory has more than %d entries, or very long names: use walk: readdir '%s'", len(entries), path)
		}
		entries = append(entries, entry)
		return nil
	})
	if err != nil {
		return nil, fault.Path(err, "readdir", path)
	}
	return entries, nil
}

// EachEntry visits the entries of a directory, holding one batch in memory. Like Deno, it skips names that are not
// UTF-8: as text they would name something else. Archives include them.
func EachEntry(path string, visit func(contract.DirEntry) error) error {
	if err := CheckPath(path); err != nil {
		return err
	}
	fd, err := openFd(path, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	directory := os.NewFile(uintptr(fd), path)
	defer directory.Close()
	for {
		batch, err := directory.ReadDir(batch)
		for _, found := range batch {
			if !utf8.ValidString(found.Name()) {
				continue
			}
			kind := found.Type()
			entry := contract.DirEntry{
				Name:        found.Name(),
				IsFile:      kind.IsRegular(),
				IsDirectory: kind.IsDir(),
				IsSymlink:   kind&os.ModeSymlink != 0,
			}
			if err := visit(entry); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fault.ErrnoOf(err)
		}
	}
}

// Remove removes a file or an empty directory; with recursive, a directory and its contents.
func Remove(path string, recursive bool) error {
	err := CheckPath(path)
	if err == nil {
		err = remove(path, recursive)
	}
	return fault.Path(err, "remove", path)
}

func remove(path string, recursive bool) error {
	var stat unix.Stat_t
	if err := unix.Lstat(path, &stat); err != nil {
		return err
	}
	if stat.Mode&unix.S_IFMT != unix.S_IFDIR {
		return unix.Unlink(path)
	}
	if !recursive {
		return unix.Rmdir(path)
	}
	return fault.ErrnoOf(os.RemoveAll(path))
}
