package files

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sandkeep.dev/guest/internal/contract"
	"sandkeep.dev/guest/internal/fault"
	"sandkeep.dev/guest/internal/workdir"
)

// relative lists operations on a relative path.
var relative = map[string]func() error{
	"stat":     func() error { _, err := Stat("file"); return err },
	"lstat":    func() error { _, err := Lstat("file"); return err },
	"readDir":  func() error { _, err := ReadDir("."); return err },
	"mkdir":    func() error { return Mkdir("made/deep", true, 0o755) },
	"symlink":  func() error { return Symlink("/nowhere", "symlink") },
	"link":     func() error { return Link("file", "linked") },
	"rename":   func() error { return Rename("linked", "renamed") },
	"chmod":    func() error { return Chmod("file", 0o600) },
	"realPath": func() error { _, err := RealPath("file"); return err },
	"truncate": func() error { return Truncate("file", 3) },
	"copy":     func() error { return Copy("file", "copied") },
	"open": func() error {
		file, err := Open(contract.OpenParams{Path: "file", Read: true})
		if err == nil {
			file.Close()
		}
		return err
	},
	"makeTemp": func() error { _, err := MakeTempFile(contract.TempParams{Dir: "."}); return err },
	"remove":   func() error { return Remove("made", true) },
}

// the order in which they depend on each other.
var order = []string{"stat", "lstat", "readDir", "mkdir", "symlink", "link", "rename", "chmod", "realPath", "truncate", "copy", "open", "makeTemp", "remove"}

func TestRelativePathsStartAtTheDirectoryThatHasTheNameNow(t *testing.T) {
	before, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	home, other := filepath.Join(root, "home"), filepath.Join(root, "other")
	workdir.Set(home)
	t.Cleanup(func() { workdir.Set(""); _ = os.Chdir(before) })

	missing := func() {
		t.Helper()
		for _, name := range order {
			var f *fault.Fault
			if err := relative[name](); !errors.As(err, &f) || f.Class != "NotFound" || f.Code != "ENOENT" || !strings.Contains(f.Message, "start at '"+home+"'") {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := Mkdir(other+"/elsewhere", true, 0o755); err != nil {
			t.Error(err)
		}
	}
	work := func() {
		t.Helper()
		if err := os.WriteFile(filepath.Join(home, "file"), []byte("content"), 0o644); err != nil {
			t.Fatal(err)
		}
		for _, name := range order {
			if err := relative[name](); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if content, _ := os.ReadFile(filepath.Join(home, "copied")); string(content) != "con" {
			t.Errorf("%q", content)
		}
	}
	for range 2 {
		missing()
		if err := os.Mkdir(home, 0o755); err != nil {
			t.Fatal(err)
		}
		work()
		if err := os.RemoveAll(home); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(other, home); err != nil {
		t.Fatal(err)
	}
	work()
	if _, err := os.Stat(filepath.Join(other, "copied")); err != nil {
		t.Error(err)
	}
}
