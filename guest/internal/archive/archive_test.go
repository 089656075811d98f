package archive

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

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
	for _, anew := range []bool{true, false} { // when overwriting, directories keep their times
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

func TestLargeSizesSurviveTheHeader(t *testing.T) {
	from := t.TempDir()
	if err := os.WriteFile(from+"/huge", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	const size = 9 << 30 // above the old header's limit of 8 GiB
	if err := os.Truncate(from+"/huge", size); err != nil {
		t.Fatal(err)
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
