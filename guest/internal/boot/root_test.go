package boot

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// newDirectory makes a directory with what a root needs, the links as in Debian.
func newDirectory(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for _, directory := range []string{"usr/bin", "etc", "dev", "proc"} {
		must(t, os.MkdirAll(filepath.Join(root, directory), 0o755))
	}
	must(t, os.Symlink("usr/bin", filepath.Join(root, "bin")))
	must(t, os.WriteFile(filepath.Join(root, "usr/bin/dash"), nil, 0o755))
	must(t, os.Symlink("/usr/bin/dash", filepath.Join(root, "usr/bin/sh")))
	must(t, os.WriteFile(filepath.Join(root, "etc/passwd"), []byte(passwd), 0o644))
	return root
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestARootHasAShellAUserAndMountPoints(t *testing.T) {
	root := newDirectory(t)
	user, err := checkRoot(root, "app")
	if err != nil || user.Home != "/srv/app" {
		t.Fatal(user, err)
	}
	for _, name := range moved {
		if _, err := os.Stat(filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWhatIsNotARootIsRefusedWithoutWaiting(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(root string) error
		want  string
	}{
		"an empty file system": {func(root string) error { return os.RemoveAll(filepath.Join(root, "usr")) }, "/bin/sh: "},
		"no shell":             {func(root string) error { return os.Remove(filepath.Join(root, "bin")) }, "/bin/sh: "},
		"a shell outside":      {func(root string) error { return relink(root, "usr/bin/sh", "../../../../../../../../usr/bin/env") }, "/bin/sh: "},
		"a directory as shell": {func(root string) error { return relink(root, "usr/bin/sh", "/usr") }, "/bin/sh: not a regular file"},
		"links in a circle":    {func(root string) error { return relink(root, "usr/bin/sh", "sh") }, "/bin/sh: "},
		"no users":             {func(root string) error { return os.Remove(filepath.Join(root, "etc/passwd")) }, "/etc/passwd: "},
		"users outside":        {func(root string) error { return relink(root, "etc/passwd", "/proc/self/environ") }, "/etc/passwd: "},
		"users in a pipe":      {func(root string) error { return pipe(root, "etc/passwd") }, "/etc/passwd: not a regular file"},
		"another user":         {func(root string) error { return write(root, "etc/passwd", "root:x:0:0::/root:") }, "/etc/passwd has no user app"},
		"a huge list of users": {func(root string) error { return os.Truncate(filepath.Join(root, "etc/passwd"), 1<<40) }, "/etc/passwd: larger than"},
		"a link as /dev":       {func(root string) error { return relink(root, "dev", "/etc") }, "/dev is not a directory"},
		"a link as /proc":      {func(root string) error { return relink(root, "proc", "nowhere") }, "/proc is not a directory"},
		"a file as /sys":       {func(root string) error { return write(root, "sys", "") }, "/sys is not a directory"},
		"a pipe as /run":       {func(root string) error { return pipe(root, "run") }, "/run is not a directory"},
	} {
		root := newDirectory(t)
		must(t, c.spoil(root))
		_, err := checkRoot(root, "app")
		if c.want == "" {
			must(t, err)
		} else if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func relink(root, path, target string) error {
	if err := os.RemoveAll(filepath.Join(root, path)); err != nil {
		return err
	}
	return os.Symlink(target, filepath.Join(root, path))
}

func write(root, path, content string) error {
	return os.WriteFile(filepath.Join(root, path), []byte(content), 0o644)
}

func pipe(root, path string) error {
	if err := os.RemoveAll(filepath.Join(root, path)); err != nil {
		return err
	}
	return unix.Mkfifo(filepath.Join(root, path), 0o644)
}
