// Package privilege lets the agent, which is root, touch files as the user, except where it says otherwise.
package privilege

import (
	"fmt"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"sandkeep.dev/guest/internal/guard"
)

// user is who the threads are; not set while Become has not been called, and then there is nothing to switch back to.
var user struct {
	uid, gid int
	set      bool
}

// Become gives every thread of the agent, now and later, the user's file system ids and groups. The kernel then takes
// away what root may do to files, and leaves what root may do to processes and the machine.
func Become(uid, gid uint32, groups []uint32) error {
	var first unsafe.Pointer
	if len(groups) > 0 {
		first = unsafe.Pointer(&groups[0])
	}
	if _, _, errno := syscall.AllThreadsSyscall(unix.SYS_SETGROUPS, uintptr(len(groups)), uintptr(first), 0); errno != 0 {
		return fmt.Errorf("setgroups: %w", errno)
	}
	runtime.KeepAlive(groups)
	if _, _, errno := syscall.AllThreadsSyscall(unix.SYS_SETFSGID, uintptr(gid), 0, 0); errno != 0 {
		return fmt.Errorf("setfsgid: %w", errno)
	}
	if _, _, errno := syscall.AllThreadsSyscall(unix.SYS_SETFSUID, uintptr(uid), 0, 0); errno != 0 {
		return fmt.Errorf("setfsuid: %w", errno)
	}
	user.uid, user.gid, user.set = int(uid), int(gid), true
	return nil
}

// Do runs f as root, on a thread of its own for the time.
func Do(f func() error) error {
	result := make(chan error, 1)
	guard.Go("privileged work", func() {
		err := fmt.Errorf("privileged work did not finish")
		defer func() { result <- err }()
		runtime.LockOSThread()
		if user.set {
			_ = unix.Setfsgid(0)
			_ = unix.Setfsuid(0)
		}
		err = f()
		if user.set {
			_ = unix.Setfsgid(user.gid)
			_ = unix.Setfsuid(user.uid)
		}
		// A panic leaves the thread locked, and the runtime then ends it rather than reuse it.
		runtime.UnlockOSThread()
	})
	return <-result
}
