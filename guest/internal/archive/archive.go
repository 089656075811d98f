// Package archive copies a directory tree as one stream, a tar archive in pax format, so that thousands of files do not
// need thousands of calls. It acts as the user whose file system IDs the threads carry: the kernel checks permissions.
//
// The archive begins with the directory itself, as "./". Every other entry follows its parent directory, and everything
// in a directory precedes that directory's later siblings. So both ends only need to track the current entry's parents.
package archive

import (
	"strings"

	"golang.org/x/sys/unix"

	"sandkeep.dev/guest/internal/fault"
)

const (
	// maxDepth limits nesting. Each level holds a file descriptor while it is read, of which the agent has 4,096 (the
	// kernel's default), and PATH_MAX allows at most 2,048 levels.
	maxDepth = 512
	// permissions are the mode bits an archive keeps. The setuid and setgid bits do not leave the machine.
	permissions = 0o777
)

// root is the name of the directory itself in its archive.
const root = "./"

// join appends a name inside the archive to the path of the directory.
func join(path, name string) string {
	return strings.TrimRight(path, "/") + "/" + name
}

func tooDeep(path string) error {
	return fault.WithCode("Error", unix.ErrnoName(unix.ENAMETOOLONG), "More than %d directories below each other: '%s'", maxDepth, path)
}

// retry repeats a system call while signals interrupt it.
func retry(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}
