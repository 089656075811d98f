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
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

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

// made makes an archive of headers; content is the name, and none for a negative size.
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

// describe lists what is below a directory, with all that an archive keeps.
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

func TestADirectoryComesBackAsItWas(t *testing.T) {
	from := t.TempDir()
	long := strings.Repeat("long", 60)
	for _, path := range []string{"empty", "deep/er/est", "ünï/" + long + "/" + long, "read-only"} {
		if err := os.MkdirAll(filepath.Join(from, path), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, content := range map[string]string{
		"empty-file": "", "a": "content", "deep/er/est/x": "deep", "not \xff utf-8 \xc3": "bytes", "new\nline": "n", "=": "p",
		"ünï/" + long + "/" + long + "/" + long: "long", "read-only/file": "r", "large": strings.Repeat("0123456789", 100_000),
		"hole": strings.Repeat("\x00", 300_000) + "end", "zeros": strings.Repeat("\x00", 400_000),
	} {
		if err := os.WriteFile(filepath.Join(from, name), []byte(content), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{"link": "a", "dangling": "/not/there", "bad-link": "\xfe\xff", "up": "../../.."} {
		if err := os.Symlink(text, filepath.Join(from, name)); err != nil {
			t.Fatal(err)
		}
	}
	old := unix.Timespec{Sec: 1_000_000_000, Nsec: 123_456_789}
	for _, name := range []string{"a", "link", "empty"} {
		_ = unix.UtimesNanoAt(unix.AT_FDCWD, filepath.Join(from, name), []unix.Timespec{old, old}, unix.AT_SYMLINK_NOFOLLOW)
	}
	_ = os.Chmod(filepath.Join(from, "a"), 0o755)
	_ = os.Chmod(filepath.Join(from, "read-only"), 0o555)
	t.Cleanup(func() { _ = os.Chmod(filepath.Join(from, "read-only"), 0o755) })
	_ = os.Chmod(from, 0o750)
	archive := pack(t, from)

	to := filepath.Join(t.TempDir(), "parents/too")
	t.Cleanup(func() { _ = os.Chmod(filepath.Join(to, "read-only"), 0o755) })
	for _, anew := range []bool{true, false} { // over what is there, directories keep their times
		want := describe(t, from, anew)
		written, err := unpack(to+"//", archive)
		if err != nil {
			t.Fatal(err)
		}
		if got := describe(t, to, anew); !slices.Equal(got, want) {
			t.Fatalf("came back as\n%s\ninstead of\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if written.Files != 11 || written.Bytes < 1_700_000 {
			t.Errorf("%+v", written)
		}
	}
	var hole unix.Stat_t
	if err := unix.Stat(filepath.Join(to, "zeros"), &hole); err != nil || hole.Blocks*512 >= 400_000 {
		t.Errorf("zeros take %d bytes of disk, %v", hole.Blocks*512, err)
	}
}

func TestEachEntryFollowsItsDirectory(t *testing.T) {
	from := t.TempDir()
	for d := range 5 {
		for f := range 5 {
			_ = os.MkdirAll(fmt.Sprintf("%s/%d/%d", from, d, f), 0o755)
			_ = os.WriteFile(fmt.Sprintf("%s/%d/%d/f", from, d, f), nil, 0o644)
		}
	}
	open := []string{""}
	reader := tar.NewReader(bytes.NewReader(pack(t, from)))
	for n := 0; ; n++ {
		header, err := reader.Next()
		if err == io.EOF {
			return
		}
		if err != nil || header.Format != tar.FormatPAX {
			t.Fatal(header, err)
		}
		if n == 0 {
			if header.Name != root {
				t.Fatalf("begins with %q", header.Name)
			}
			continue
		}
		name := strings.TrimSuffix(header.Name, "/")
		parent := name[:strings.LastIndexByte(name, '/')+1]
		for open[len(open)-1] != parent {
			if open = open[:len(open)-1]; len(open) == 0 {
				t.Fatalf("%q does not follow its directory", header.Name)
			}
		}
		if header.Typeflag == tar.TypeDir {
			open = append(open, header.Name)
		}
	}
}

func TestWhatIsNoFileIsSaidToBeMissing(t *testing.T) {
	from := t.TempDir()
	for n := range maxSkipped + 5 {
		if err := unix.Mkfifo(fmt.Sprintf("%s/pipe %d", from, n), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	archive := pack(t, from)
	if n := bytes.Count(archive, []byte(SkippedRecord+`={"path":"pipe `)); n != maxSkipped {
		t.Errorf("%d are named", n)
	}
	if _, err := unpack(t.TempDir(), archive); err != nil {
		t.Error(err)
	}
}

func TestAnErrorNamesTheFile(t *testing.T) {
	from := t.TempDir()
	if err := Pack(context.Background(), from+"/none", nil, nil); code(err) != "ENOENT" || !strings.Contains(err.Error(), from+"/none") {
		t.Error(err)
	}
	if err := os.WriteFile(from+"/plain", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Pack(context.Background(), from+"/plain", nil, nil); code(err) != "ENOTDIR" {
		t.Error(err)
	}
	to := t.TempDir()
	_ = os.WriteFile(to+"/plain", nil, 0o644)
	_ = os.Symlink("/dev/full", to+"/device")
	_ = os.Mkdir(to+"/directory", 0o755)
	for name, archive := range map[string][]byte{
		"/plain":     made(t, dir(root), dir("plain/")),
		"/device":    made(t, dir(root), file("device")),
		"/directory": made(t, dir(root), file("directory")),
	} {
		if _, err := unpack(to, archive); err == nil || !strings.Contains(err.Error(), to+name+"'") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := unpack("/proc/nothing/here", made(t, dir(root))); err == nil || !strings.Contains(err.Error(), "/proc/nothing") {
		t.Error(err)
	}
}

func TestAFileThatBecomesShorterIsAnErrorAndOneThatGrowsIsCut(t *testing.T) {
	from := t.TempDir()
	path := from + "/log"
	resize := func(size int64) error {
		_ = os.WriteFile(path, bytes.Repeat([]byte("x"), 1<<20), 0o644)
		var out bytes.Buffer
		changed := false
		return Pack(context.Background(), from, func() error { return nil }, writer(func(p []byte) (int, error) {
			if !changed {
				changed = true
				if err := os.Truncate(path, size); err != nil {
					t.Fatal(err)
				}
			}
			return out.Write(p)
		}))
	}
	if err := resize(1 << 19); err == nil || !strings.Contains(err.Error(), "became shorter") || !strings.Contains(err.Error(), path) {
		t.Error(err)
	}
	if err := resize(1 << 21); err != nil {
		t.Error(err)
	}
}

func TestWhatWentAwayIsLeftOut(t *testing.T) {
	from := t.TempDir()
	for n := range 500 {
		_ = os.WriteFile(fmt.Sprintf("%s/%d", from, n), bytes.Repeat([]byte("x"), 4096), 0o644)
	}
	gone := false
	var out bytes.Buffer
	err := Pack(context.Background(), from, func() error { return nil }, writer(func(p []byte) (int, error) {
		if !gone {
			gone = true
			for n := range 500 {
				_ = os.Remove(fmt.Sprintf("%s/%d", from, n))
			}
		}
		return out.Write(p)
	}))
	if err != nil || !bytes.Contains(out.Bytes(), []byte("went away")) {
		t.Error(err)
	}
}

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

func TestLargeSizesSurviveTheHeader(t *testing.T) {
	from := t.TempDir()
	if err := os.WriteFile(from+"/huge", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	const size = 9 << 30 // over the 8 GiB of the old header
	if err := os.Truncate(from+"/huge", size); err != nil {
		t.Skip("no room even for a hole")
	}
	reader, out := io.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	go func() { out.CloseWithError(Pack(ctx, from, func() error { return nil }, out)) }()
	archive := tar.NewReader(reader)
	_, _ = archive.Next()
	header, err := archive.Next()
	if err != nil || header.Size != size || header.ModTime.After(time.Now().Add(time.Hour)) {
		t.Error(header, err)
	}
	cancel()
	reader.Close()
}
