package regular

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestReadsRegularFilesAndWaitsForNothing(t *testing.T) {
	directory := t.TempDir()
	path := func(name string) string { return filepath.Join(directory, name) }
	for _, err := range []error{
		os.WriteFile(path("file"), []byte("content"), 0o600),
		os.Symlink("/file", path("link")),
		os.Symlink("circle", path("circle")),
		unix.Mkfifo(path("pipe"), 0o600),
		os.WriteFile(path("large"), nil, 0o600),
		os.Truncate(path("large"), 1<<40),
		os.Symlink("/proc/version", path("kernel's")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	root, err := unix.Open(directory, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(root)
	for _, name := range []string{"file", "link"} {
		if content, err := ReadBelow(root, name); err != nil || string(content) != "content" {
			t.Errorf("%s: %q, %v", name, content, err)
		}
		if err := ExistsBelow(root, name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if content, err := Read(path("file")); err != nil || string(content) != "content" {
		t.Errorf("%q, %v", content, err)
	}
	for name, want := range map[string]string{
		"pipe": "not a regular file", ".": "not a regular file", "large": "larger than", "circle": "too many levels",
	} {
		for _, read := range []func() ([]byte, error){
			func() ([]byte, error) { return Read(path(name)) },
			func() ([]byte, error) { return ReadBelow(root, name) },
		} {
			if _, err := read(); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if _, err := Read(path("kernel's")); err == nil || !strings.Contains(err.Error(), "not a file on a disk") {
		t.Error(err)
	}
	if err := ExistsBelow(root, "pipe"); err == nil {
		t.Error("a pipe is no regular file")
	}
	if _, err := Read(path("missing")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
