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
	return onThread("privileged work", f, func() error {
		_ = unix.Setfsgid(0)
		_ = unix.Setfsuid(0)
		return nil
	}, becomeAgain)
}

// AsUser runs f, on a thread locked to it, with the user's effective IDs: those that the kernel tells a server of who connects to its socket.
func AsUser(f func() error) error {
	return onThread("the user's work", f, func() error {
		if err := setEffective(unix.SYS_SETRESGID, user.gid); err != nil {
			return err
		}
		return setEffective(unix.SYS_SETRESUID, user.uid)
	}, func() error {
		if err := setEffective(unix.SYS_SETRESUID, 0); err != nil {
			return err
		}
		if err := setEffective(unix.SYS_SETRESGID, 0); err != nil {
			return err
		}
		return becomeAgain()
	})
}

// onThread runs f on a thread locked to it, between a change of the thread's IDs and the change back.
func onThread(what string, f, change, back func() error) error {
	result := make(chan error, 1)
	guard.Go(what, func() {
		err := fmt.Errorf("%s did not finish", what)
		defer func() { result <- err }()
		// After a panic, or a change that failed, the thread stays locked, so the runtime ends it rather than reuse it.
		runtime.LockOSThread()
		if user.set {
			if failed := change(); failed != nil {
				err = failed
				return
			}
		}
		err = f()
		if user.set && back() != nil {
			return
		}
		runtime.UnlockOSThread()
	})
	return <-result
}

// becomeAgain gives this thread the user's file system IDs.
func becomeAgain() error {
	_ = unix.Setfsgid(user.gid)
	_ = unix.Setfsuid(user.uid)
	return nil
}

// setEffective changes the effective ID of this thread only.
func setEffective(call uintptr, id int) error {
	const same = ^uintptr(0)
	if _, _, errno := unix.RawSyscall(call, same, uintptr(id), same); errno != 0 {
		return fmt.Errorf("effective ID %d: %w", id, errno)
	}
	return nil
}
