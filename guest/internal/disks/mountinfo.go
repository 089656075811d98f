package disks

import (
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// mountPoint is a line of proc_pid_mountinfo(5).
type mountPoint struct {
	// device has the form major:minor.
	device string
	// root is the directory of the file system that is mounted: / for all of it.
	root   string
	target string
	// readOnly says that the file system is, and with it every mount of it.
	readOnly bool
}

// mountPoints lists what is mounted in this namespace, in the order of the mounts.
func mountPoints() ([]mountPoint, error) {
	list, err := os.ReadFile("/proc/self/mountinfo")
	return parseMounts(string(list)), err
}

// mountsOf lists where a device is mounted, in the order of the mounts.
func mountsOf(device string) ([]mountPoint, error) {
	number, err := numberOf(device)
	if err != nil {
		return nil, err
	}
	mounts, err := mountPoints()
	name := strconv.Itoa(int(unix.Major(number))) + ":" + strconv.Itoa(int(unix.Minor(number)))
	return slices.DeleteFunc(mounts, func(m mountPoint) bool { return m.device != name }), err
}

// mountBelow finds a mount below a directory; it is empty if there is none.
func mountBelow(directory string, mounts []mountPoint) string {
	for _, m := range mounts {
		if strings.HasPrefix(m.target, strings.TrimSuffix(directory, "/")+"/") {
			return m.target
		}
	}
	return ""
}

// numberOf returns a device's number.
func numberOf(device string) (uint64, error) {
	var stat unix.Stat_t
	err := unix.Stat(device, &stat)
	return stat.Rdev, err
}

func parseMounts(list string) (mounts []mountPoint) {
	for _, line := range strings.Split(list, "\n") {
		fields := strings.Fields(line)
		// Optional fields end with a dash; type, source and options of the file system follow.
		dash := slices.Index(fields, "-")
		if dash < 6 || len(fields) < dash+4 {
			continue
		}
		readOnly := slices.Contains(strings.Split(fields[dash+3], ","), "ro")
		mounts = append(mounts, mountPoint{fields[2], unescape(fields[3]), unescape(fields[4]), readOnly})
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
