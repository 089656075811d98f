package privilege

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

const nobody = 65534

// owner makes a file and returns its owner.
func owner(path string) (uint32, error) {
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		return 0, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return info.Sys().(*syscall.Stat_t).Uid, nil
}

func TestFilesAreTheUsersExceptInPrivilegedWork(t *testing.T) {
	// Not t.TempDir: only root may enter and clear its parent.
	directory, err := os.MkdirTemp("", "privilege")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = Do(func() error { return os.RemoveAll(directory) }) })
	if err := os.Chmod(directory, 0o777); err != nil {
		t.Fatal(err)
	}
	err = Become(nobody, nobody, []uint32{nobody})
	if os.Getuid() != 0 {
		if !errors.Is(err, unix.EPERM) {
			t.Fatalf("%v, without being root", err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	// Every thread has changed, including those that start later.
	owners := make(chan uint32, 8)
	for i := range cap(owners) {
		go func() {
			uid, err := owner(filepath.Join(directory, string(rune('a'+i))))
			if err != nil {
				t.Error(err)
			}
			owners <- uid
		}()
	}
	for range cap(owners) {
		if uid := <-owners; uid != nobody {
			t.Fatalf("a file of %d", uid)
		}
	}
	if _, err := os.ReadDir("/root"); !errors.Is(err, unix.EACCES) {
		t.Fatalf("root's files are open: %v", err)
	}
	err = Do(func() error {
		uid, err := owner(filepath.Join(directory, "privileged"))
		if uid != 0 {
			t.Errorf("a file of %d", uid)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if uid, err := owner(filepath.Join(directory, "after")); uid != nobody || err != nil {
		t.Fatal(uid, err)
	}
}

func TestPrivilegedWorkThatPanicsIsAnError(t *testing.T) {
	if err := Do(func() error { panic("oops") }); err == nil {
		t.Fatal("no error")
	}
	own := errors.New("own")
	if err := Do(func() error { return own }); !errors.Is(err, own) {
		t.Fatal(err)
	}
}
