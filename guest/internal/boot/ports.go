package boot

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const virtioPorts = "/sys/class/virtio-ports"

// WaitForPort waits for the virtio-serial port with the given name and returns its character device.
func WaitForPort(name string) (device string, err error) {
	deadline := time.Now().Add(deviceTimeout)
	for {
		if device := findPort(virtioPorts, name); device != "" {
			return device, waitFor(device)
		}
		if time.Now().After(deadline) {
			return "", fmt.Errorf("no virtio-serial port is called %s", name)
		}
		time.Sleep(deviceRetry)
	}
}

func findPort(directory, name string) string {
	entries, _ := os.ReadDir(directory)
	for _, entry := range entries {
		content, err := os.ReadFile(filepath.Join(directory, entry.Name(), "name"))
		if err == nil && strings.TrimSpace(string(content)) == name {
			return "/dev/" + entry.Name()
		}
	}
	return ""
}
