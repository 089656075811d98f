package files

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sandkeep.dev/guest/internal/contract"
)

func TestStatIsTheContractsFileInfo(t *testing.T) {
	file := write(t, filepath.Join(t.TempDir(), "file"), "12345")
	must(t, Utime(file, 1_600_000_000_123.5, -1500))
	info, err := Stat(file)
	must(t, err)
	var got contract.FileInfo
	must(t, json.Unmarshal(info.AppendJSON(nil), &got))
	var stat unix.Stat_t
	must(t, unix.Stat(file, &stat))
	if !got.IsFile || got.IsDirectory || got.Size != 5 || got.Mode != stat.Mode || got.Ino != stat.Ino || got.Dev != stat.Dev ||
		got.Nlink != 1 || got.UID != uint32(os.Getuid()) || got.Blocks != uint64(stat.Blocks) {
		t.Fatalf("%+v", got)
	}
	if got.Atime != "2020-09-13T12:26:40.123Z" || got.Mtime != "1969-12-31T23:59:58.500Z" {
		t.Fatal(got.Atime, got.Mtime)
	}
	for _, stamp := range []string{got.Birthtime, got.Ctime} {
		if at, err := time.Parse(time.RFC3339, stamp); err != nil || time.Since(at).Abs() > time.Hour {
			t.Fatal(stamp, err)
		}
	}
}

func TestStatTellsKindsApart(t *testing.T) {
	directory := t.TempDir()
	link := filepath.Join(directory, "link")
	must(t, Symlink(directory, link))
	followed, err := Stat(link)
	must(t, err)
	itself, err := Lstat(link)
	must(t, err)
	device, err := Stat(os.DevNull)
	must(t, err)
	var character contract.FileInfo
	must(t, json.Unmarshal(device.AppendJSON(nil), &character))
	if !followed.IsDirectory() || !itself.IsSymlink() || itself.IsDirectory() || !character.IsCharDevice || character.Rdev == 0 {
		t.Fatal(followed, itself, character)
	}
}

func TestTimesBeyondFourDigitYears(t *testing.T) {
	for seconds, want := range map[int64]string{
		0:                 "1970-01-01T00:00:00.000Z",
		253_402_300_800:   "+010000-01-01T00:00:00.000Z",
		-62_198_755_200:   "-000001-01-01T00:00:00.000Z",
		1 << 62:           "+275760-09-12T23:59:59.000Z",
		maxDateSeconds:    "+275760-09-12T23:59:59.000Z",
		lastFourDigitYear: "9999-12-31T23:59:59.000Z",
	} {
		if got := string(appendTime(nil, "", unix.StatxTimestamp{Sec: seconds})); got != want+`"` {
			t.Errorf("%d: %s instead of %s", seconds, got, want)
		}
	}
}

func TestUtimeRefusesWhatIsNoTime(t *testing.T) {
	file := write(t, filepath.Join(t.TempDir(), "file"), "")
	wantFault(t, Utime(file, 1e300, 0), "TypeError", "")
	wantFault(t, Utime(file+"x", 0, 0), "NotFound", "ENOENT")
}
