// Package archive carries a directory with all that is in it as one stream, a tar archive in pax format, so that thousands of
// files are no thousands of calls. It acts as the user whose file system ids the threads carry: the kernel decides.
//
// The archive begins with the directory itself, as "./". Every other entry follows the directory that holds it, and all
// of a directory comes before what is beside it. So either end needs to know only the directories above an entry.
package archive

import (
	"strings"

	"golang.org/x/sys/unix"

	"sandkeep.dev/guest/internal/fault"
)

const (
	// maxDepth bounds the directories below each other. Each holds a file descriptor while it is read, of which the agent
	// has 4,096 (the kernel's default), and PATH_MAX allows 2,048 at most.
	maxDepth = 512
	// permissions are what an archive keeps of a mode: who may run a file as somebody else does not leave the machine.
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

// retry runs a system call until no signal interrupts it.
func retry(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}
