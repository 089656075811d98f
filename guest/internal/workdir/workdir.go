// Package workdir is the directory where relative paths start. It is a name, looked up anew for each operation: whoever
// uses the machine may remove the directory and make it again, or put a link in its place, and a handle of the former one
// would be dead.
package workdir

import (
	"strings"

	"golang.org/x/sys/unix"

	"sandkeep.dev/guest/internal/fault"
)

// home is set once, before anything is served. Without it relative paths start where the agent was started.
var home string

// Set says where relative paths start.
func Set(directory string) { home = directory }

// Enter makes the kernel resolve a relative path from the directory that has the name now. All threads share the working
// directory of the agent and only ever change it to this one, so operations at the same time do not disturb each other.
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

// Resolve gives the directory of a process that is to start in the one given, or in this one when that is empty.
func Resolve(directory string) string {
	if home == "" || strings.HasPrefix(directory, "/") {
		return directory
	}
	if directory == "" {
		return home
	}
	// Not cleaned: the kernel follows links before it takes a step up.
	return home + "/" + directory
}

// Explain adds to a message about the directory of a process what is wrong with this one, if it is to blame.
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
