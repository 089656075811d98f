package handles

import (
	"bytes"
	"context"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sandkeep.dev/guest/internal/contract"
	"sandkeep.dev/guest/internal/fault"
)

func wantFault(t *testing.T, err error, class, code string) {
	t.Helper()
	var f *fault.Fault
	if !errors.As(err, &f) || f.Class != class || f.Code != code {
		t.Fatalf("%#v instead of %s %s", err, class, code)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// open opens a new file for reading and writing.
func open(t *testing.T, table *Table, path string) int64 {
	t.Helper()
	handle, err := table.Open(contract.OpenParams{Path: path, Read: true, Write: true, Create: true})
	must(t, err)
	return handle
}

func newTable(t *testing.T) (*Table, string) {
	table := new(Table)
	t.Cleanup(table.CloseAll)
	return table, filepath.Join(t.TempDir(), "file")
}

func content(t *testing.T, table *Table, handle, length int64) string {
	t.Helper()
	var out bytes.Buffer
	must(t, table.Read(context.Background(), handle, length, &out))
	return out.String()
}

func TestReadsWritesAndSeeks(t *testing.T) {
	table, path := newTable(t)
	handle := open(t, table, path)
	text := strings.Repeat("0123456789", 50_000)
	written, err := table.Write(context.Background(), handle, strings.NewReader(text))
	if written != int64(len(text)) || err != nil {
		t.Fatal(written, err)
	}
	if content(t, table, handle, 10) != "" {
		t.Fatal("bytes after the end")
	}
	for _, c := range []struct {
		offset string
		whence int
		want   int64
	}{{"5", 0, 5}, {"-2", 1, 3}, {"-4", 2, int64(len(text)) - 4}, {"0", 0, 0}} {
		if position, err := table.SeekTo(handle, c.offset, c.whence); position != c.want || err != nil {
			t.Fatal(c, position, err)
		}
	}
	if got := content(t, table, handle, int64(len(text))+5); got != text {
		t.Fatalf("%d bytes", len(got))
	}
	_, err = table.SeekTo(handle, "-1", io.SeekStart)
	wantFault(t, err, "TypeError", "EINVAL")
	_, err = table.SeekTo(handle, "much", io.SeekStart)
	wantFault(t, err, "TypeError", "")
	_, err = table.SeekTo(handle, "0", 7)
	wantFault(t, err, "TypeError", "")
	wantFault(t, table.Read(context.Background(), handle, -1, io.Discard), "TypeError", "")
}

func TestChangesTheOpenFile(t *testing.T) {
	table, path := newTable(t)
	handle := open(t, table, path)
	must(t, table.Truncate(handle, 100))
	must(t, table.Utime(handle, 1000, 2000))
	must(t, table.Sync(handle))
	must(t, table.SyncData(handle))
	info, err := table.Stat(handle)
	must(t, err)
	if info.Size() != 100 || !bytes.Contains(info.AppendJSON(nil), []byte("1970-01-01T00:00:02.000Z")) {
		t.Fatalf("%s", info.AppendJSON(nil))
	}
	wantFault(t, table.Truncate(handle, -1), "TypeError", "")
}

func TestAHandleThatIsNotOpenIsABadResource(t *testing.T) {
	table, path := newTable(t)
	handle := open(t, table, path)
	must(t, table.Close(handle))
	wantFault(t, table.Close(handle), "BadResource", "EBADF")
	wantFault(t, table.Sync(handle), "BadResource", "EBADF")
	wantFault(t, table.Read(context.Background(), handle, 1, io.Discard), "BadResource", "EBADF")
	_, err := table.Write(context.Background(), -1, strings.NewReader(""))
	wantFault(t, err, "BadResource", "EBADF")
	if next := open(t, table, path); next == handle {
		t.Fatal("a number was used again")
	}
}

func TestAHandleOpenedForReadingCannotWrite(t *testing.T) {
	table, path := newTable(t)
	open(t, table, path)
	reading, err := table.Open(contract.OpenParams{Path: path, Read: true})
	must(t, err)
	_, err = table.Write(context.Background(), reading, strings.NewReader("x"))
	wantFault(t, err, "BadResource", "EBADF")
}

func TestHandlesAreBounded(t *testing.T) {
	table, path := newTable(t)
	open(t, table, path)
	for len(table.open) < maxOpen {
		open(t, table, path)
	}
	_, err := table.Open(contract.OpenParams{Path: path, Read: true})
	wantFault(t, err, "Error", "EMFILE")
	table.CloseAll()
	_, err = table.Open(contract.OpenParams{Path: path, Read: true})
	wantFault(t, err, "Error", "EMFILE")
}

func TestALockWaitsForTheOther(t *testing.T) {
	table, path := newTable(t)
	first, second := open(t, table, path), open(t, table, path)
	must(t, table.Lock(context.Background(), first, true))
	waiting, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if err := table.Lock(waiting, second, false); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	locked := make(chan error, 1)
	go func() { locked <- table.Lock(context.Background(), second, true) }()
	must(t, table.Unlock(first))
	must(t, <-locked)
	must(t, table.Close(second))
	must(t, table.Lock(context.Background(), first, false))
	third := open(t, table, path)
	must(t, table.Lock(context.Background(), third, false))
}

func TestAReadThatWaitsEndsWithTheContext(t *testing.T) {
	table, path := newTable(t)
	must(t, unix.Mkfifo(path, 0o600))
	handle := open(t, table, path)
	_, err := table.Write(context.Background(), handle, strings.NewReader("some"))
	must(t, err)
	if got := content(t, table, handle, 100); got != "some" {
		t.Fatalf("%q", got)
	}
	ctx, cancel := context.WithCancel(context.Background())
	failed := make(chan error, 1)
	go func() { failed <- table.Read(ctx, handle, 1, io.Discard) }()
	cancel()
	if <-failed == nil {
		t.Fatal("a read of nothing succeeded")
	}
	_, err = table.Write(context.Background(), handle, strings.NewReader("more"))
	must(t, err)
	if got := content(t, table, handle, 2); got != "mo" {
		t.Fatalf("%q after a cancelled read", got)
	}
}
