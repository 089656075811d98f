// Package drives gives the machine's disks their driver, one by one. Every machine has the same drives from its start; a
// disk may come later, and the driver reads its size when it is bound.
package drives

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	bus    = "/sys/bus/virtio"
	driver = bus + "/drivers/virtio_blk"
	// Module is the driver's.
	Module = "virtio_blk.ko"
	// blockKind is the virtio device ID of a block device, as sysfs shows it.
	blockKind = "0x0002"
	// deviceTimeout limits the wait for the device of a driver that is bound.
	deviceTimeout = 30 * time.Second
	deviceRetry   = time.Millisecond
	// diskGroup is Debian's, which udev gives disks.
	diskGroup = 6
)

// Hold keeps drives without their driver until Bind. It must be called before the driver is loaded.
func Hold() error {
	return os.WriteFile(filepath.Join(bus, "drivers_autoprobe"), []byte("0"), 0)
}

// Bind gives a drive its driver and returns its device. The drive is found by its place on the bus, and its serial
// number is checked.
func Bind(place int, serial string) (device string, err error) {
	drive, err := at(place)
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(driver, "bind"), []byte(drive), 0); err != nil {
		return "", fmt.Errorf("bind %s: %w", drive, err)
	}
	defer func() {
		if err != nil {
			_ = Unbind(place)
		}
	}()
	names, _ := filepath.Glob(filepath.Join(bus, "devices", drive, "block", "*"))
	if len(names) != 1 {
		return "", fmt.Errorf("%s has no block device", drive)
	}
	name := filepath.Base(names[0])
	content, err := os.ReadFile(filepath.Join(names[0], "serial"))
	if err != nil || strings.TrimSpace(string(content)) != serial {
		return "", fmt.Errorf("%s is the drive %q, not %q", name, content, serial)
	}
	device = "/dev/" + name
	if err := waitFor(device); err != nil {
		return "", err
	}
	_ = unix.Chown(device, 0, diskGroup)
	_ = unix.Chmod(device, 0o660)
	return device, nil
}

// Unbind takes a drive's driver away, and with it the device.
func Unbind(place int) error {
	drive, err := at(place)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(driver, "unbind"), []byte(drive), 0); err != nil {
		return fmt.Errorf("unbind %s: %w", drive, err)
	}
	return nil
}

func at(place int) (string, error) {
	drives := drivesIn(filepath.Join(bus, "devices"))
	if place < 0 || place >= len(drives) {
		return "", fmt.Errorf("the machine has %d drives, and none at place %d", len(drives), place)
	}
	return drives[place], nil
}

// drivesIn lists the block devices of the bus in the order in which the host gave them.
func drivesIn(directory string) (drives []string) {
	entries, _ := os.ReadDir(directory)
	for _, entry := range entries {
		kind, err := os.ReadFile(filepath.Join(directory, entry.Name(), "device"))
		if err == nil && strings.TrimSpace(string(kind)) == blockKind {
			drives = append(drives, entry.Name())
		}
	}
	slices.SortFunc(drives, func(a, b string) int { return number(a) - number(b) })
	return drives
}

func number(name string) int {
	n, _ := strconv.Atoi(strings.TrimPrefix(name, "virtio"))
	return n
}

// waitFor waits until a device exists: it appears a moment after its driver was bound.
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
