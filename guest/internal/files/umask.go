package files

import (
	"sync"

	"golang.org/x/sys/unix"
)

// mask remembers the process's mask, because the kernel tells it only in exchange for a new one.
var mask struct {
	sync.Mutex
	current uint32
}

func init() {
	mask.current = uint32(unix.Umask(0o022))
	unix.Umask(int(mask.current))
}

// Umask sets the mask of the whole machine's file operations and later processes, if one is given, and returns the one
// before. It is the process's own mask: the kernel applies it here, and children inherit it.
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
