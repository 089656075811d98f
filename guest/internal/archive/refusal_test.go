package archive

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestArchivesThatAreNoneAreRefused(t *testing.T) {
	whole := made(t, dir(root), file("a"), dir("d/"), file("d/b"))
	hard := tar.Header{Typeflag: tar.TypeLink, Name: "h", Linkname: "a"}
	device := tar.Header{Typeflag: tar.TypeChar, Name: "null", Devmajor: 1, Devminor: 3}
	for name, archive := range map[string][]byte{
		"nothing":            {},
		"noise":              bytes.Repeat([]byte("noise"), 1000),
		"no root":            made(t, file("a")),
		"above":              made(t, dir(root), file("../a")),
		"far above":          made(t, dir(root), dir("d/"), file("d/../../a")),
		"absolute":           made(t, dir(root), file("/tmp/a")),
		"without its parent": made(t, dir(root), file("d/a")),
		"through a link":     made(t, dir(root), tar.Header{Typeflag: tar.TypeSymlink, Name: "l", Linkname: "/tmp"}, file("l/a")),
		"no name":            made(t, dir(root), dir("d/"), dir("d/./")),
		"a hard link":        made(t, dir(root), file("a"), hard),
		"a device":           made(t, dir(root), device),
		"cut in content":     whole[:1024],
	} {
		to := filepath.Join(t.TempDir(), "to")
		if _, err := unpack(to, archive); err == nil || !strings.Contains(err.Error(), "Invalid archive") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestHalfAFileDoesNotStay(t *testing.T) {
	to := t.TempDir()
	broken := errors.New("the sender is gone")
	archive := made(t, dir(root), tar.Header{Typeflag: tar.TypeReg, Name: "a", Mode: 0o644, Size: 4})
	_, err := Unpack(context.Background(), to, io.MultiReader(bytes.NewReader(archive[:514]), failing{broken}))
	if !errors.Is(err, broken) {
		t.Error(err)
	}
	_, err = Unpack(context.Background(), to, io.MultiReader(bytes.NewReader(archive[:1025]), failing{broken}))
	if entries, _ := os.ReadDir(to); !errors.Is(err, broken) || len(entries) != 0 {
		t.Error(err, entries)
	}
}

func TestDepthIsBounded(t *testing.T) {
	headers := []tar.Header{dir(root)}
	for n := 1; n <= maxDepth; n++ {
		headers = append(headers, dir(strings.Repeat("d/", n)))
	}
	to := t.TempDir()
	if _, err := unpack(to, made(t, headers...)); code(err) != "ENAMETOOLONG" {
		t.Error(err)
	}
	deepest := to + strings.Repeat("/d", maxDepth-1)
	if err := os.Mkdir(deepest+"/d", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := Pack(context.Background(), to, func() error { return nil }, io.Discard); code(err) != "ENAMETOOLONG" {
		t.Error(err)
	}
}

func TestCancellingEndsBoth(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	from := t.TempDir()
	_ = os.WriteFile(from+"/a", nil, 0o644)
	if err := Pack(ctx, from, func() error { return nil }, io.Discard); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := Unpack(ctx, t.TempDir(), bytes.NewReader(made(t, dir(root)))); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestCancellingEndsAHoleThatAnArchiveDescribes(t *testing.T) {
	archive := made(t, dir(root), tar.Header{Typeflag: tar.TypeReg, Name: "huge", Mode: 0o644, Size: -1, Format: tar.FormatPAX, PAXRecords: map[string]string{
		"SPA.sparse.major": "0", "SPA.sparse.minor": "1", "SPA.sparse.map": "0,0", "SPA.sparse.numblocks": "1", "SPA.sparse.size": "4611686018427387904",
	}})
	archive = bytes.ReplaceAll(archive, []byte("SPA.sparse"), []byte("GNU.sparse"))
	ctx, cancel := context.WithCancel(context.Background())
	to := t.TempDir()
	done := make(chan error, 1)
	go func() {
		_, err := Unpack(ctx, to, bytes.NewReader(archive))
		done <- err
	}()
	for {
		if _, err := os.Stat(to + "/huge"); err == nil {
			break
		}
		select {
		case err := <-done:
			t.Fatal(err)
		case <-time.After(time.Millisecond):
		}
	}
	cancel()
	select {
	case err := <-done:
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("still writing")
	}
}
