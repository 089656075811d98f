package files

import (
	"sync"

	"golang.org/x/sys/unix"
)

// mask caches the process's umask, because the kernel returns it only when setting a new one.
var mask struct {
	sync.Mutex
	current uint32
}

func init() {
	mask.current = uint32(unix.Umask(0o022))
	unix.Umask(int(mask.current))
}

// Umask sets the umask for all file operations and later processes, if one is given, and returns the previous one. It
// is the agent's own umask: the kernel applies it here, and children inherit it.
func Umask(next *uint32) uint32 {
	mask.Lock()
	defer mask.Unlock()
	before := mask.current
	if next != nil {
		mask.current = *next & 0o777
		unix.Umask(int(mask.current))
	}
	return before
}
