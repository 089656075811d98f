package disks

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// reserved stands for the kernel's file. As that, it has one number, whatever was written before.
func reserved(t *testing.T) (path string, read func() string) {
	path = filepath.Join(t.TempDir(), "reserved_clusters")
	if err := os.WriteFile(path, []byte("4096\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return path, func() string {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		first, _, _ := strings.Cut(string(content), "\n")
		return first
	}
}

func TestSpaceIsHeldUntilTheHostSaysSo(t *testing.T) {
	path, read := reserved(t)
	var hold spaceHold
	for range 2 {
		for range 2 {
			if err := hold.begin(path, 50_000, time.Hour); err != nil {
				t.Fatal(err)
			}
			if read() != "50000" {
				t.Fatalf("it keeps %s", read())
			}
		}
		for range 2 {
			if err := hold.end(); err != nil {
				t.Fatal(err)
			}
			if read() != "4096" {
				t.Fatalf("it keeps %s", read())
			}
		}
	}
}

func TestSpaceIsNotHeldForLongerThanTheHostSaid(t *testing.T) {
	path, read := reserved(t)
	var hold spaceHold
	for _, limit := range []time.Duration{time.Hour, time.Millisecond} {
		if err := hold.begin(path, 50_000, limit); err != nil {
			t.Fatal(err)
		}
	}
	for read() != "4096" {
		time.Sleep(time.Millisecond)
	}
	hold.Lock()
	defer hold.Unlock()
	if hold.file != nil {
		t.Fatal("the file is still open")
	}
}

func TestSpaceCannotBeHeldForAnyTime(t *testing.T) {
	for _, limit := range []time.Duration{-1, time.Hour} {
		if HoldSpace(limit) == nil {
			t.Fatalf("held for %s", limit)
		}
	}
	if err := HoldSpace(0); err != nil {
		t.Fatal(err)
	}
}
