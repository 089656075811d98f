// Package boot turns a kernel and a root disk into a running machine: what an init does before it starts anything.
package boot

import (
	"fmt"
	"log"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"sandkeep.dev/guest/internal/disks"
	"sandkeep.dev/guest/internal/drives"
	"sandkeep.dev/guest/internal/fault"
)

const (
	// rootPlace is that of the root disk on the bus.
	rootPlace  = 0
	rootSerial = "root"
	// deviceTimeout limits the wait for a device that the kernel should already have.
	deviceTimeout = 30 * time.Second
	deviceRetry   = time.Millisecond
)

// Prepare does everything that needs no root disk, which is most. It must run as the machine's first process.
func Prepare() error {
	if err := mountAll(mounts); err != nil {
		return err
	}
	useConsole()
	loadModules("/modules")
	tune()
	if err := raiseLoopback(); err != nil {
		log.Printf("loopback: %v", err)
	}
	return nil
}

// Enter makes the root disk the root and returns the user whose machine it is. Whoever used the disk before may have
// left anything on it.
func Enter(userName string) (User, error) {
	device, err := drives.Bind(rootPlace, rootSerial)
	if err != nil {
		return User{}, err
	}
	user, err := switchRoot(device, userName)
	if err != nil {
		return User{}, fault.New("Error", "not a bootable root: %v", err)
	}
	if err := disks.GrowToDevice(device); err != nil {
		log.Printf("the root file system stays smaller than its disk: %v", err)
	}
	makeDevices()
	openTemporary()
	return user, nil
}

// waitFor waits until a path exists: devices appear a moment after their drivers are loaded.
func waitFor(path string) error {
	deadline := time.Now().Add(deviceTimeout)
	for {
		if _, err := os.Stat(path); err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s did not appear within %s", path, deviceTimeout)
		}
		time.Sleep(deviceRetry)
	}
}

// useConsole makes the kernel's console the agent's standard output, which it lacked before /dev was mounted.
func useConsole() {
	console, err := unix.Open("/dev/console", unix.O_WRONLY|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	_ = unix.Dup3(console, 1, unix.O_CLOEXEC)
	_ = unix.Dup3(console, 2, unix.O_CLOEXEC)
	if null, err := unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0); err == nil {
		_ = unix.Dup3(null, 0, unix.O_CLOEXEC)
	}
}

// PowerOff shuts the machine down. It does not return.
func PowerOff(reason any) {
	log.Printf("powering off: %v", reason)
	unix.Sync()
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART)
	runtime.Goexit()
}
