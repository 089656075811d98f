package disks

import (
	"os"
	gosync "sync"
	"time"

	"golang.org/x/sys/unix"

	"sandkeep.dev/guest/internal/fault"
)

// FIFREEZE and FITHAW of linux/fs.h.
const (
	fiFreeze = 0xc0045877
	fiThaw   = 0xc0045878
)

// frozen are the file systems that are frozen now, by slot.
var frozen = struct {
	gosync.Mutex
	bySlot map[int]*frozenFS
}{bySlot: map[int]*frozenFS{}}

type frozenFS struct {
	directory *os.File
	timer     *time.Timer
}

// Freeze writes a slot's file system to its disk and stops all further writes, until Thaw or, if the host does not call
// that, for at most the given time. It must run as root. It returns false for a disk that is not mounted, to which
// nothing is written.
func Freeze(slot int, limit time.Duration) (bool, error) {
	device := deviceOf(slot)
	if device == "" || !isMounted(device) {
		return false, nil
	}
	if err := freeze(slot, device, limit); err != nil {
		return false, fault.Path(err, "freeze", device)
	}
	return true, nil
}

func freeze(slot int, device string, limit time.Duration) error {
	directory, err := openMounted(device)
	if err != nil {
		return err
	}
	// Most is written while programs go on: freezing itself is short then.
	err = unix.Syncfs(int(directory.Fd()))
	frozen.Lock()
	defer frozen.Unlock()
	if err == nil && frozen.bySlot[slot] != nil {
		err = unix.EBUSY
	}
	if err == nil {
		err = unix.IoctlSetInt(int(directory.Fd()), fiFreeze, 0)
	}
	if err != nil {
		directory.Close()
		return err
	}
	fs := &frozenFS{directory: directory}
	frozen.bySlot[slot] = fs
	fs.timer = time.AfterFunc(limit, func() { thaw(slot, fs) })
	return nil
}

// Thaw ends a freeze. It returns whether the file system was frozen until now.
func Thaw(slot int) bool {
	frozen.Lock()
	fs := frozen.bySlot[slot]
	frozen.Unlock()
	return fs != nil && thaw(slot, fs)
}

// thaw thaws once: by the host or by the timer, whichever comes first.
func thaw(slot int, fs *frozenFS) bool {
	frozen.Lock()
	defer frozen.Unlock()
	if frozen.bySlot[slot] != fs {
		return false
	}
	delete(frozen.bySlot, slot)
	fs.timer.Stop()
	err := unix.IoctlSetInt(int(fs.directory.Fd()), fiThaw, 0)
	fs.directory.Close()
	return err == nil
}
