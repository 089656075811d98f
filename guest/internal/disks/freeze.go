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

// frozenFS is locked while it is being frozen or thawed, which may take long. Others are not held up by that.
type frozenFS struct {
	gosync.Mutex
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
	fs := &frozenFS{directory: directory}
	fs.Lock()
	defer fs.Unlock()
	if err == nil && !enter(slot, fs) {
		err = unix.EBUSY
	}
	if err == nil {
		if err = unix.IoctlSetInt(int(directory.Fd()), fiFreeze, 0); err != nil {
			leave(slot)
		}
	}
	if err != nil {
		directory.Close()
		return err
	}
	fs.timer = time.AfterFunc(limit, func() { thaw(slot, fs) })
	return nil
}

// enter notes what is going to be frozen. It returns false if the slot is frozen already.
func enter(slot int, fs *frozenFS) bool {
	frozen.Lock()
	defer frozen.Unlock()
	if frozen.bySlot[slot] != nil {
		return false
	}
	frozen.bySlot[slot] = fs
	return true
}

// leave forgets what is not frozen.
func leave(slot int) {
	frozen.Lock()
	defer frozen.Unlock()
	delete(frozen.bySlot, slot)
}

// in returns what is frozen of a slot, or nil.
func in(slot int) *frozenFS {
	frozen.Lock()
	defer frozen.Unlock()
	return frozen.bySlot[slot]
}

// Thaw ends a freeze. It returns whether the file system was frozen until now.
func Thaw(slot int) bool {
	fs := in(slot)
	return fs != nil && thaw(slot, fs)
}

// thaw thaws once: by the host or by the timer, whichever comes first.
func thaw(slot int, fs *frozenFS) bool {
	fs.Lock()
	defer fs.Unlock()
	if in(slot) != fs {
		return false
	}
	defer leave(slot)
	fs.timer.Stop()
	err := unix.IoctlSetInt(int(fs.directory.Fd()), fiThaw, 0)
	fs.directory.Close()
	return err == nil
}
