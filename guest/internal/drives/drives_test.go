package drives

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestDrivesAreInTheOrderOfTheBus(t *testing.T) {
	directory := t.TempDir()
	for name, kind := range map[string]string{"virtio10": "0x0002", "virtio2": "0x0002", "virtio1": "0x0003", "virtio0": "0x0002"} {
		if err := os.MkdirAll(filepath.Join(directory, name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(directory, name, "device"), []byte(kind+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got := drivesIn(directory); !slices.Equal(got, []string{"virtio0", "virtio2", "virtio10"}) {
		t.Fatal(got)
	}
}
