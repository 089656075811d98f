// Package boot turns a kernel and a root disk into a running machine: what an init does before it starts anything.
package boot

import (
	"bytes"
	"fmt"
	"log"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"sandkeep.dev/guest/internal/drives"
)

const (
	// rootPlace is that of the root disk on the bus.
	rootPlace  = 0
	rootSerial = "root"
	// deviceTimeout limits the wait for a device that the kernel should already have.
	deviceTimeout = 30 * time.Second
	deviceRetry   = time.Millisecond
)

// Run moves from the initramfs to the root disk and mounts everything a program may expect. It must run as the
// machine's first process.
func Run() error {
	if err := mountAll(early); err != nil {
		return err
	}
	useConsole()
	loadModules("/modules")
	device, err := drives.Bind(rootPlace, rootSerial)
	if err != nil {
		return err
	}
	if err := switchRoot(device); err != nil {
		return err
	}
	if err := mountAll(late); err != nil {
		return err
	}
	makeDevices()
	openTemporary()
	tune()
	if name, err := os.ReadFile("/etc/hostname"); err == nil {
		_ = unix.Sethostname(bytes.TrimSpace(name))
	}
	if err := raiseLoopback(); err != nil {
		log.Printf("loopback: %v", err)
	}
	return nil
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
