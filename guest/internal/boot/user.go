package boot

import (
	"os"
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

// FindUser looks a user up in the root's own files. Without an entry, the user gets the IDs of the first ordinary user.
func FindUser(name string) User {
	passwd, _ := os.ReadFile("/etc/passwd")
	group, _ := os.ReadFile("/etc/group")
	return parseUser(name, string(passwd), string(group))
}

func parseUser(name, passwd, group string) User {
	const firstOrdinary = 1000
	user := User{Name: name, Home: "/home/" + name, UID: firstOrdinary, GID: firstOrdinary}
	for _, line := range strings.Split(passwd, "\n") {
		fields := strings.Split(line, ":")
		if len(fields) < 6 || fields[0] != name {
			continue
		}
		uid, err1 := strconv.ParseUint(fields[2], 10, 32)
		gid, err2 := strconv.ParseUint(fields[3], 10, 32)
		if err1 == nil && err2 == nil {
			user.UID, user.GID = uint32(uid), uint32(gid)
		}
		if strings.HasPrefix(fields[5], "/") {
			user.Home = fields[5]
		}
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
	return user
}
