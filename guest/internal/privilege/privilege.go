// Package privilege lets the agent, which is root, access files as the user, except where it says otherwise.
package privilege

import (
	"fmt"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"sandkeep.dev/guest/internal/guard"
)

// user is the threads' user. Until Become sets it there is nothing to switch back to.
var user struct {
	uid, gid int
	set      bool
}

// Become gives every thread of the agent, present and future, the user's file system IDs and groups. The kernel then
// removes root's privileges over files, but not over processes and the machine.
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

// Do runs f as root, on a thread locked to it.
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
		// After a panic the thread stays locked, so the runtime ends it rather than reuse it.
		runtime.UnlockOSThread()
	})
	return <-result
}
