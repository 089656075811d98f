package boot

import (
	"fmt"

	"golang.org/x/sys/unix"

	"sandkeep.dev/guest/internal/regular"
)

// checkRoot checks that a mounted file system can be a root, and returns its user. It sees links as if the directory
// were the root already, creates missing mount points, and waits for nothing.
func checkRoot(directory, userName string) (User, error) {
	root, err := unix.Open(directory, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return User{}, err
	}
	defer unix.Close(root)
	for _, name := range moved {
		if err := unix.Mkdirat(root, name, 0o755); err != nil && err != unix.EEXIST {
			return User{}, fmt.Errorf("/%s cannot be created: %w", name, err)
		}
		var stat unix.Stat_t
		if err := unix.Fstatat(root, name, &stat, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return User{}, fmt.Errorf("/%s: %w", name, err)
		}
		if stat.Mode&unix.S_IFMT != unix.S_IFDIR {
			return User{}, fmt.Errorf("/%s is not a directory", name)
		}
	}
	if err := regular.ExistsBelow(root, "bin/sh"); err != nil {
		return User{}, fmt.Errorf("/bin/sh: %w", err)
	}
	passwd, err := regular.ReadBelow(root, "etc/passwd")
	if err != nil {
		return User{}, fmt.Errorf("/etc/passwd: %w", err)
	}
	// Users need not be in groups.
	groups, _ := regular.ReadBelow(root, "etc/group")
	user, ok := parseUser(userName, string(passwd), string(groups))
	if !ok {
		return User{}, fmt.Errorf("/etc/passwd has no user %s", userName)
	}
	return user, nil
}
