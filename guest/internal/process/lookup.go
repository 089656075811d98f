package process

import (
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"sandkeep.dev/guest/internal/env"
	"sandkeep.dev/guest/internal/fault"
	"sandkeep.dev/guest/internal/workdir"
)

// lookup finds the program of a command in the child's PATH, relative to its working directory. A command with a slash
// is already a path.
func lookup(command, cwd string, variables map[string]string) (string, error) {
	if strings.Contains(command, "/") {
		return command, nil
	}
	path, ok := variables["PATH"]
	if !ok {
		path = env.SystemPath
	}
	for _, directory := range strings.Split(path, ":") {
		candidate := filepath.Join(directory, command)
		if directory == "" {
			candidate = "./" + command
		}
		seen := candidate
		if !filepath.IsAbs(seen) {
			seen = filepath.Join(cwd, seen)
		}
		var stat unix.Stat_t
		if unix.Stat(seen, &stat) == nil && stat.Mode&unix.S_IFMT == unix.S_IFREG && stat.Mode&0o111 != 0 {
			return candidate, nil
		}
	}
	return "", fault.WithCode("NotFound", "ENOENT", "Failed to spawn '%s': entity not found", command)
}

// checkCwd returns Deno's errors for an invalid working directory.
func checkCwd(command, cwd string) error {
	seen, more := workdir.Resolve(cwd), workdir.Explain(cwd)
	if seen == "" {
		return nil
	}
	if cwd == "" {
		cwd = seen
	}
	var stat unix.Stat_t
	switch err := unix.Stat(seen, &stat); {
	case err == unix.ENOENT || err == unix.ENOTDIR:
		return fault.WithCode("NotFound", "ENOENT", "Failed to spawn '%s': No such cwd '%s'%s", command, cwd, more)
	case err != nil:
		return failedToSpawn(command, err)
	case stat.Mode&unix.S_IFMT != unix.S_IFDIR:
		return fault.WithCode("NotFound", "ENOTDIR", "Failed to spawn '%s': cwd is not a directory '%s'%s", command, cwd, more)
	}
	return nil
}

func failedToSpawn(command string, err error) error {
	f := *fault.From(err)
	f.Message = "Failed to spawn '" + command + "': " + f.Message
	if err == unix.E2BIG {
		f.Message += ": one argument or variable has at most 128 KiB, all together 2 MiB: pass long text on standard input or in a file"
	}
	return &f
}
