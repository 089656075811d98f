package files

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"golang.org/x/sys/unix"

	"sandkeep.dev/guest/internal/contract"
)

// read returns the size passed to head, and the content.
func read(ctx context.Context, path string) (size int64, content string, err error) {
	var out bytes.Buffer
	err = ReadFile(ctx, path, func(n int64) error { size = n; return nil }, &out)
	return size, out.String(), err
}

func writeTo(path, content string, change func(*contract.WriteFileParams)) error {
	p := contract.WriteFileParams{Path: path}
	if change != nil {
		change(&p)
	}
	return WriteFile(context.Background(), p, strings.NewReader(content))
}

func TestWriteFileReplacesAppendsAndCreates(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	no := false
	wantFault(t, writeTo(file, "", func(p *contract.WriteFileParams) { p.Create = &no }), "NotFound", "ENOENT")
	must(t, writeTo(file, "first content", nil))
	must(t, writeTo(file, "second", nil))
	must(t, writeTo(file, " third", func(p *contract.WriteFileParams) { p.Append = true }))
	if size, content, err := read(context.Background(), file); size != 12 || content != "second third" || err != nil {
		t.Fatal(size, content, err)
	}
	wantFault(t, writeTo(file, "", func(p *contract.WriteFileParams) { p.CreateNew = true }), "AlreadyExists", "EEXIST")
	wantFault(t, writeTo(filepath.Dir(file), "", nil), "IsADirectory", "EISDIR")
}

func TestWriteFileSetsTheModeWhateverTheMask(t *testing.T) {
	file, mode := filepath.Join(t.TempDir(), "file"), uint32(0o666)
	mask := uint32(0o027)
	before := Umask(&mask)
	defer Umask(&before)
	must(t, writeTo(file, "", func(p *contract.WriteFileParams) { p.Mode = &mode }))
	if info, _ := os.Stat(file); info.Mode().Perm() != 0o666 {
		t.Fatal(info.Mode())
	}
	mode = 0o600
	must(t, writeTo(file, "", func(p *contract.WriteFileParams) { p.Mode = &mode }))
	if info, _ := os.Stat(file); info.Mode().Perm() != 0o600 {
		t.Fatal(info.Mode())
	}
}

func TestWriteFileFailsWhenItsContentDoes(t *testing.T) {
	broken := errors.New("reset")
	err := WriteFile(context.Background(), contract.WriteFileParams{Path: filepath.Join(t.TempDir(), "file")}, iotest.ErrReader(broken))
	if err == nil {
		t.Fatal("a write of half a content succeeded")
	}
}

func TestReadFileReadsWhatHasNoLength(t *testing.T) {
	if _, content, err := read(context.Background(), "/proc/self/status"); err != nil || !strings.HasPrefix(content, "Name:") {
		t.Fatal(content, err)
	}
	if _, content, err := read(context.Background(), os.DevNull); err != nil || content != "" {
		t.Fatal(content, err)
	}
	_, _, err := read(context.Background(), t.TempDir())
	wantFault(t, err, "IsADirectory", "EISDIR")
}

func TestReadFileStopsWithItsReader(t *testing.T) {
	gone := errors.New("gone")
	err := ReadFile(context.Background(), "/dev/zero", func(int64) error { return nil }, failingWriter{gone})
	if !errors.Is(err, gone) {
		t.Fatal(err)
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

func newFifo(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fifo")
	must(t, unix.Mkfifo(path, 0o600))
	return path
}

func TestFifoCarriesFromWriteFileToReadFile(t *testing.T) {
	path := newFifo(t)
	written := make(chan error, 1)
	content := strings.Repeat("content", 50_000)
	go func() { written <- writeTo(path, content, nil) }()
	_, got, err := read(context.Background(), path)
	must(t, err)
	must(t, <-written)
	if got != content {
		t.Fatalf("%d bytes", len(got))
	}
}

func TestFifoThatNobodyWritesIsGivenUpWithTheContext(t *testing.T) {
	path := newFifo(t)
	ctx, cancel := context.WithCancel(context.Background())
	opened := make(chan struct{})
	failed := make(chan error, 1)
	go func() {
		failed <- ReadFile(ctx, path, func(int64) error { close(opened); return nil }, io.Discard)
	}()
	<-opened
	cancel()
	if <-failed == nil {
		t.Fatal("an end without a writer")
	}
}

func TestFifoThatNobodyReadsIsGivenUpWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err := WriteFile(ctx, contract.WriteFileParams{Path: newFifo(t)}, strings.NewReader("x"))
	if !strings.Contains(err.Error(), "cancelled") {
		t.Fatal(err)
	}
}
