package boot

import (
	"slices"
	"strconv"
	"strings"
)

// User owns the machine's processes; its files are accessed as this user.
type User struct {
	Name   string
	Home   string
	UID    uint32
	GID    uint32
	Groups []uint32
}

// parseUser looks a user up in the content of a root's own files.
func parseUser(name, passwd, group string) (user User, ok bool) {
	for _, line := range strings.Split(passwd, "\n") {
		fields := strings.Split(line, ":")
		if len(fields) < 6 || fields[0] != name || !strings.HasPrefix(fields[5], "/") {
			continue
		}
		uid, err1 := strconv.ParseUint(fields[2], 10, 32)
		gid, err2 := strconv.ParseUint(fields[3], 10, 32)
		if err1 == nil && err2 == nil {
			user, ok = User{Name: name, Home: fields[5], UID: uint32(uid), GID: uint32(gid)}, true
			break
		}
	}
	if !ok {
		return user, false
	}
	user.Groups = []uint32{user.GID}
	for _, line := range strings.Split(group, "\n") {
		fields := strings.Split(line, ":")
		if len(fields) < 4 || !slices.Contains(strings.Split(fields[3], ","), name) {
			continue
		}
		if gid, err := strconv.ParseUint(fields[2], 10, 32); err == nil && uint32(gid) != user.GID {
			user.Groups = append(user.Groups, uint32(gid))
		}
	}
	return user, true
}
