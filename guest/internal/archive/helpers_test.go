package archive

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"sandkeep.dev/guest/internal/contract"
	"sandkeep.dev/guest/internal/fault"
)

func pack(t *testing.T, path string) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := Pack(context.Background(), path, func() error { return nil }, &out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func unpack(path string, archive []byte) (contract.TreeWritten, error) {
	return Unpack(context.Background(), path, bytes.NewReader(archive))
}

// made makes an archive of headers with their content; a negative size means no content.
func made(t *testing.T, headers ...tar.Header) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, header := range headers {
		empty := header.Size < 0
		if empty {
			header.Size = 0
		} else if header.Typeflag == tar.TypeReg && header.Size == 0 {
			header.Size = int64(len(header.Name))
		}
		if err := w.WriteHeader(&header); err != nil {
			t.Fatal(err)
		}
		if header.Typeflag == tar.TypeReg && !empty {
			_, _ = io.WriteString(w, header.Name)
		}
	}
	_ = w.Close()
	return out.Bytes()
}

func dir(name string) tar.Header  { return tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: 0o755} }
func file(name string) tar.Header { return tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644} }

// describe lists everything below a directory, with all the metadata an archive keeps.
func describe(t *testing.T, path string, directoryTimes bool) (lines []string) {
	t.Helper()
	err := filepath.WalkDir(path, func(at string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Lstat(at)
		if err != nil {
			return err
		}
		what := ""
		if info.Mode().IsRegular() {
			content, _ := os.ReadFile(at)
			what = fmt.Sprintf("%d bytes, %x", len(content), sha256.Sum256(content))
		} else if info.Mode()&os.ModeSymlink != 0 {
			what, _ = os.Readlink(at)
		}
		relative, _ := filepath.Rel(path, at)
		modified := info.ModTime().UnixNano()
		if entry.IsDir() && !directoryTimes {
			modified = 0
		}
		lines = append(lines, fmt.Sprintf("%q %s %d %q", relative, info.Mode(), modified, what))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(lines)
	return lines
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func code(err error) string {
	var f *fault.Fault
	if errors.As(err, &f) {
		return f.Code
	}
	return ""
}
