package privilege

import (
	"errors"
	"net"
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

// peerOf connects to a Unix socket in one of the ways to work, and returns whom its server sees.
func peerOf(work func(func() error) error, path string) (peer *unix.Ucred, err error) {
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	defer listener.Close()
	err = work(func() error {
		client, err := net.Dial("unix", path)
		if err == nil {
			client.Close()
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	conn, err := listener.Accept()
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	raw, err := conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		return nil, err
	}
	if controlErr := raw.Control(func(fd uintptr) {
		peer, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); controlErr != nil {
		return nil, controlErr
	}
	return peer, err
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
	// A server learns that it is the user who connects; and nothing of that stays with the thread.
	for range cap(owners) {
		if peer, err := peerOf(AsUser, filepath.Join(directory, "user")); err != nil || peer.Uid != nobody || peer.Gid != nobody {
			t.Fatal(peer, err)
		}
		if peer, err := peerOf(Do, filepath.Join(directory, "root")); err != nil || peer.Uid != 0 || peer.Gid != 0 {
			t.Fatal(peer, err)
		}
		if uid, err := owner(filepath.Join(directory, "between")); uid != nobody || err != nil {
			t.Fatal(uid, err)
		}
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
