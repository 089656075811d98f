// Package workdir is the directory where relative paths start. It is stored by name and looked up for each operation:
// the guest may remove and recreate the directory, or replace it with a link, and an open handle would still refer to
// the old one.
package workdir

import (
	"strings"

	"golang.org/x/sys/unix"

	"sandkeep.dev/guest/internal/fault"
)

// home is set once, before anything is served. Without it, relative paths start in the agent's own working directory.
var home string

// Set says where relative paths start.
func Set(directory string) { home = directory }

// Enter changes to the directory that has the name now, so that the kernel resolves relative paths from there. All
// threads share the agent's working directory and only ever change it to this one, so concurrent operations do not
// interfere.
func Enter(path string) error {
	if home == "" || strings.HasPrefix(path, "/") {
		return nil
	}
	if err := unix.Chdir(home); err != nil {
		missing := *fault.From(err)
		missing.Message += explanation()
		return &missing
	}
	return nil
}

// Resolve returns the working directory for a new process: the given one, or this one if that is empty.
func Resolve(directory string) string {
	if home == "" || strings.HasPrefix(directory, "/") {
		return directory
	}
	if directory == "" {
		return home
	}
	// Not cleaned: the kernel follows links before it resolves "..".
	return home + "/" + directory
}

// Explain adds what is wrong with this directory to a process's error message, if it is the cause.
func Explain(directory string) string {
	if home == "" || strings.HasPrefix(directory, "/") {
		return ""
	}
	var stat unix.Stat_t
	if unix.Stat(home, &stat) == nil && stat.Mode&unix.S_IFMT == unix.S_IFDIR {
		return ""
	}
	return explanation()
}

func explanation() string {
	return ": processes and relative paths start at '" + home + "': make it a directory again, or name another"
}
