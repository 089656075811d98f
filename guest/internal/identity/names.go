package identity

import (
	"os"
	"path/filepath"
)

// writeNames writes the machine's names where programs look for them.
func writeNames(directory, hostname, machineID string) error {
	hosts := "127.0.0.1\tlocalhost\n127.0.1.1\t" + hostname + "\n" +
		"::1\tlocalhost ip6-localhost ip6-loopback\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n"
	for _, file := range []struct {
		name, content string
		mode          os.FileMode
	}{
		{"hostname", hostname + "\n", 0o644},
		{"hosts", hosts, 0o644},
		{"machine-id", machineID + "\n", 0o644},
	} {
		if err := replace(filepath.Join(directory, file.name), []byte(file.content), file.mode); err != nil {
			return err
		}
	}
	return nil
}
