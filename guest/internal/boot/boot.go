// Package boot turns a kernel and a root disk into a running machine: what an init does before it starts anything.
package boot

import (
	"bytes"
	"fmt"
	"log"
	"os"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	defaultRoot = "/dev/vda"
	rootOption  = "sandkeep.root="
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
	device := defaultRoot
	if line, err := os.ReadFile("/proc/cmdline"); err == nil {
		device = rootDevice(string(line))
	}
	if err := waitFor(device); err != nil {
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

// rootDevice reads the root disk's device from the kernel command line.
func rootDevice(line string) string {
	for _, word := range strings.Fields(line) {
		if device, ok := strings.CutPrefix(word, rootOption); ok && strings.HasPrefix(device, "/dev/") {
			return device
		}
	}
	return defaultRoot
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
