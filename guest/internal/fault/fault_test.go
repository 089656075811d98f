package fault

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

func TestErrorNumbersSpeakDeno(t *testing.T) {
	for _, c := range []struct {
		err                  error
		class, code, message string
	}{
		{Path(unix.ENOENT, "readfile", "x"), "NotFound", "ENOENT", "No such file or directory (os error 2): readfile 'x'"},
		{Path(unix.EPERM, "chown", "x"), "PermissionDenied", "EPERM", "Operation not permitted (os error 1): chown 'x'"},
		{Paths(unix.EEXIST, "link", "a", "b"), "AlreadyExists", "EEXIST", "File exists (os error 17): link 'a' -> 'b'"},
		{Path(unix.ENOTEMPTY, "remove", "d"), "Error", "ENOTEMPTY", "Directory not empty (os error 39): remove 'd'"},
		{Path(unix.ELOOP, "stat", "l"), "FilesystemLoop", "ELOOP", "Too many levels of symbolic links (os error 40): stat 'l'"},
		{Path(&os.PathError{Err: unix.ENOSPC}, "writefile", "f"), "Error", "ENOSPC", "No space left on device (os error 28): writefile 'f'"},
		{unix.Errno(4000), "Error", "", "Unknown error (os error 4000)"},
		{fmt.Errorf("dial: %w", unix.ECONNREFUSED), "ConnectionRefused", "ECONNREFUSED", "Connection refused (os error 111)"},
		{context.Canceled, "Interrupted", "", "The operation was cancelled"},
		{errors.New("plain"), "Error", "", "plain"},
	} {
		f := From(c.err)
		if f.Class != c.class || f.Code != c.code || f.Message != c.message {
			t.Errorf("%v: %+v", c.err, f)
		}
	}
}

func TestAFaultMadeForThePurposeIsKept(t *testing.T) {
	made := TypeError("Invalid length: %d", -1)
	if got := Path(made, "truncate", "x"); got != error(made) {
		t.Fatalf("%v", got)
	}
	if Path(nil, "open", "x") != nil {
		t.Fatal("an error out of nothing")
	}
}
