package disks

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// mountsOf lists where a device is mounted, in the order of the mounts.
func mountsOf(device string) ([]string, error) {
	var stat unix.Stat_t
	if err := unix.Stat(device, &stat); err != nil {
		return nil, err
	}
	list, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	return mountsIn(string(list), unix.Major(stat.Rdev), unix.Minor(stat.Rdev)), nil
}

// mountsIn parses proc_pid_mountinfo(5): each line has two ids, the device, the root, and the mount point.
func mountsIn(list string, major, minor uint32) (mounts []string) {
	device := strconv.Itoa(int(major)) + ":" + strconv.Itoa(int(minor))
	for _, line := range strings.Split(list, "\n") {
		if fields := strings.Fields(line); len(fields) > 4 && fields[2] == device {
			mounts = append(mounts, unescape(fields[4]))
		}
	}
	return mounts
}

// unescape decodes the octal escapes of spaces and the like.
func unescape(text string) string {
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+3 < len(text) {
			if code, err := strconv.ParseUint(text[i+1:i+4], 8, 8); err == nil {
				out.WriteByte(byte(code))
				i += 3
				continue
			}
		}
		out.WriteByte(text[i])
	}
	return out.String()
}
