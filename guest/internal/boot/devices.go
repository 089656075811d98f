package boot

import (
	"log"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"sandkeep.dev/guest/internal/regular"
)

// Groups from Debian's base-passwd, to which udev assigns devices.
const (
	rootGroup = 0
	ttyGroup  = 5
	diskGroup = 6
)

// permissions are those that udev's rules give the devices of a sandbox; the kernel makes most of them root-only.
var permissions = []struct {
	pattern string
	mode    uint32
	group   int
}{
	{"/dev/fuse", 0o666, rootGroup},
	{"/dev/net/tun", 0o666, rootGroup},
	{"/dev/kvm", 0o666, rootGroup},
	{"/dev/ptmx", 0o666, ttyGroup},
	{"/dev/tty", 0o666, ttyGroup},
	{"/dev/loop*", 0o660, diskGroup},
	{"/dev/vd*", 0o660, diskGroup},
}

// makeDevices does what udev would do for /dev: it creates the nodes of drivers that are loaded on first open, and sets
// permissions and the names that programs expect.
func makeDevices() {
	if release, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		list, _ := regular.Read(filepath.Join("/lib/modules", strings.TrimSpace(string(release)), "modules.devname"))
		for _, node := range staticNodes(string(list)) {
			if err := node.make("/dev"); err != nil {
				log.Printf("/dev/%s: %v", node.name, err)
			}
		}
	}
	for _, p := range permissions {
		paths, _ := filepath.Glob(p.pattern)
		for _, path := range paths {
			_ = unix.Chown(path, 0, p.group)
			_ = unix.Chmod(path, p.mode)
		}
	}
	for path, target := range map[string]string{
		"/dev/fd":     "/proc/self/fd",
		"/dev/stdin":  "/proc/self/fd/0",
		"/dev/stdout": "/proc/self/fd/1",
		"/dev/stderr": "/proc/self/fd/2",
		"/dev/core":   "/proc/kcore",
	} {
		_ = os.Symlink(target, path)
	}
}

// staticNode is a device whose driver the kernel loads when the node is opened.
type staticNode struct {
	name         string
	kind         uint32 // unix.S_IFCHR or unix.S_IFBLK
	major, minor uint32
}

// staticNodes parses modules.devname(5): each line has a module, a name below /dev, and "c" or "b" with major:minor.
func staticNodes(list string) (nodes []staticNode) {
	for _, line := range strings.Split(list, "\n") {
		fields := strings.Fields(line)
		if len(fields) != 3 || strings.HasPrefix(line, "#") || !filepath.IsLocal(fields[1]) {
			continue
		}
		major, minor, ok := strings.Cut(fields[2][1:], ":")
		majorNumber, err1 := strconv.ParseUint(major, 10, 32)
		minorNumber, err2 := strconv.ParseUint(minor, 10, 32)
		kind, known := map[byte]uint32{'c': unix.S_IFCHR, 'b': unix.S_IFBLK}[fields[2][0]]
		if ok && known && err1 == nil && err2 == nil {
			nodes = append(nodes, staticNode{fields[1], kind, uint32(majorNumber), uint32(minorNumber)})
		}
	}
	return nodes
}

// make creates the node unless it exists.
func (n staticNode) make(directory string) error {
	path := filepath.Join(directory, n.name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := unix.Mknod(path, n.kind|0o600, int(unix.Mkdev(n.major, n.minor))); err != unix.EEXIST {
		return err
	}
	return nil
}
