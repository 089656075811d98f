package files

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"sandkeep.dev/guest/internal/contract"
	"sandkeep.dev/guest/internal/fault"
)

// wantFault fails unless err is a fault of that class and code.
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

func write(t *testing.T, path, content string) string {
	t.Helper()
	must(t, os.WriteFile(path, []byte(content), 0o644))
	return path
}

func TestMkdirMakesParentsOnlyWhenAsked(t *testing.T) {
	deep := filepath.Join(t.TempDir(), "a", "b", "c")
	wantFault(t, Mkdir(deep, false, 0o777), "NotFound", "ENOENT")
	must(t, Mkdir(deep, true, 0o777))
	must(t, Mkdir(deep, true, 0o777))
	must(t, Mkdir(deep+"/", true, 0o777))
	wantFault(t, Mkdir(deep, false, 0o777), "AlreadyExists", "EEXIST")
	file := write(t, filepath.Join(deep, "file"), "")
	wantFault(t, Mkdir(file, true, 0o777), "AlreadyExists", "EEXIST")
	wantFault(t, Mkdir(filepath.Join(file, "below"), true, 0o777), "NotADirectory", "ENOTDIR")
	wantFault(t, Mkdir("", true, 0o777), "NotFound", "ENOENT")
}

func TestRemoveLeavesWhatIsNotEmpty(t *testing.T) {
	directory := t.TempDir()
	inner := filepath.Join(directory, "inner")
	must(t, Mkdir(filepath.Join(inner, "deeper"), true, 0o777))
	wantFault(t, Remove(inner, false), "Error", "ENOTEMPTY")
	must(t, Symlink(inner, filepath.Join(directory, "link")))
	must(t, Remove(filepath.Join(directory, "link"), true))
	if !IsDirectory(inner) {
		t.Fatal("removing a link removed what it leads to")
	}
	must(t, Remove(inner, true))
	wantFault(t, Remove(inner, true), "NotFound", "ENOENT")
}

func TestRenameMovesAndReplaces(t *testing.T) {
	directory := t.TempDir()
	from, to := write(t, filepath.Join(directory, "from"), "new"), write(t, filepath.Join(directory, "to"), "old")
	must(t, Rename(from, to))
	if content, _ := os.ReadFile(to); string(content) != "new" {
		t.Fatalf("%q", content)
	}
	err := Rename(from, to)
	wantFault(t, err, "NotFound", "ENOENT")
	if !strings.HasSuffix(err.Error(), fmt.Sprintf(": rename '%s' -> '%s'", from, to)) {
		t.Fatal(err)
	}
}

func TestCopyKeepsContentAndMode(t *testing.T) {
	directory := t.TempDir()
	from, to := write(t, filepath.Join(directory, "from"), strings.Repeat("content", 100_000)), filepath.Join(directory, "to")
	must(t, Chmod(from, 0o751))
	must(t, Copy(from, to))
	info, err := os.Stat(to)
	if err != nil || info.Mode().Perm() != 0o751 || info.Size() != 700_000 {
		t.Fatal(info, err)
	}
	must(t, Copy(from, from))
	if info, _ := os.Stat(from); info.Size() != 700_000 {
		t.Fatal("copying a file onto itself emptied it")
	}
	wantFault(t, Copy(directory, to), "TypeError", "EINVAL")
	wantFault(t, Copy(from, directory), "IsADirectory", "EISDIR")
	must(t, Copy("/proc/self/stat", to))
	if info, _ := os.Stat(to); info.Size() == 0 {
		t.Fatal("a file without a length was copied as empty")
	}
}

func TestLinksTellWhereTheyLead(t *testing.T) {
	directory, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	file, link := write(t, filepath.Join(directory, "file"), "x"), filepath.Join(directory, "link")
	must(t, Symlink("file", link))
	if held, err := ReadLink(link); held != "file" || err != nil {
		t.Fatal(held, err)
	}
	if real, err := RealPath(link); real != file || err != nil {
		t.Fatal(real, err)
	}
	_, err = ReadLink(file)
	wantFault(t, err, "TypeError", "EINVAL")
	loop := filepath.Join(directory, "loop")
	must(t, Symlink("loop", loop))
	_, err = RealPath(loop)
	wantFault(t, err, "FilesystemLoop", "ELOOP")
	_, err = Stat(loop)
	wantFault(t, err, "FilesystemLoop", "ELOOP")
	must(t, Link(file, filepath.Join(directory, "hard")))
	info, err := Lstat(file)
	must(t, err)
	if info.statx.Nlink != 2 {
		t.Fatal(info.statx.Nlink)
	}
	wantFault(t, Link(file, link), "AlreadyExists", "EEXIST")
}

func TestTruncateCutsAndFills(t *testing.T) {
	file := write(t, filepath.Join(t.TempDir(), "file"), "content")
	must(t, Truncate(file, 3))
	must(t, Truncate(file, 5))
	if content, _ := os.ReadFile(file); string(content) != "con\x00\x00" {
		t.Fatalf("%q", content)
	}
	wantFault(t, Truncate(file, -1), "TypeError", "")
	wantFault(t, Truncate(file, 1<<62), "Error", "EFBIG")
}

func TestChownToOneself(t *testing.T) {
	file := write(t, filepath.Join(t.TempDir(), "file"), "")
	uid := uint32(os.Getuid())
	must(t, Chown(file, &uid, nil))
	must(t, Chown(file, nil, nil))
	wantFault(t, Chown(file+"x", nil, nil), "NotFound", "ENOENT")
}

func TestUmaskIsReportedAndApplied(t *testing.T) {
	mask := uint32(0o077)
	before := Umask(&mask)
	defer Umask(&before)
	for range 2 {
		if Umask(nil) != 0o077 {
			t.Fatal("reading the mask changed it")
		}
	}
	directory := filepath.Join(t.TempDir(), "private")
	must(t, Mkdir(directory, false, 0o777))
	if info, _ := os.Stat(directory); info.Mode().Perm() != 0o700 {
		t.Fatal(info.Mode())
	}
}

func TestTemporaryNamesAreNewAndPrivate(t *testing.T) {
	directory := t.TempDir()
	p := contract.TempParams{Dir: directory, Prefix: "before-", Suffix: ".after"}
	first, err := MakeTempDir(p)
	must(t, err)
	second, err := MakeTempFile(p)
	must(t, err)
	for path, mode := range map[string]os.FileMode{first: os.ModeDir | 0o700, second: 0o600} {
		info, err := os.Stat(path)
		name := filepath.Base(path)
		if err != nil || info.Mode() != mode || !strings.HasPrefix(name, "before-") || !strings.HasSuffix(name, ".after") {
			t.Fatal(path, info, err)
		}
	}
	_, err = MakeTempDir(contract.TempParams{Dir: directory, Prefix: "../x"})
	wantFault(t, err, "TypeError", "")
	_, err = MakeTempFile(contract.TempParams{Dir: directory + "/missing"})
	wantFault(t, err, "NotFound", "ENOENT")
}

func TestPathsWithNULAndTooLongOnesAreRefused(t *testing.T) {
	_, err := Stat("a\x00b")
	wantFault(t, err, "TypeError", "EINVAL")
	wantFault(t, Mkdir("a\x00b", true, 0o777), "TypeError", "EINVAL")
	_, err = Stat("/" + strings.Repeat("x", 300))
	wantFault(t, err, "Error", "ENAMETOOLONG")
	_, err = Stat(strings.Repeat("x/", unix.PathMax))
	wantFault(t, err, "Error", "ENAMETOOLONG")
}

func TestReadDirListsKinds(t *testing.T) {
	directory := t.TempDir()
	write(t, filepath.Join(directory, "file"), "")
	must(t, Mkdir(filepath.Join(directory, "sub"), false, 0o777))
	must(t, Symlink("file", filepath.Join(directory, "link")))
	must(t, unix.Mkfifo(filepath.Join(directory, "fifo"), 0o600))
	entries, err := ReadDir(directory)
	must(t, err)
	kinds := map[string]contract.DirEntry{}
	for _, entry := range entries {
		kinds[entry.Name] = entry
	}
	if len(kinds) != 4 || !kinds["file"].IsFile || !kinds["sub"].IsDirectory || !kinds["link"].IsSymlink ||
		kinds["fifo"] != (contract.DirEntry{Name: "fifo"}) {
		t.Fatalf("%+v", kinds)
	}
	_, err = ReadDir(filepath.Join(directory, "file"))
	wantFault(t, err, "NotADirectory", "ENOTDIR")
	_, err = ReadDir(filepath.Join(directory, "missing"))
	wantFault(t, err, "NotFound", "ENOENT")
}

func TestNamesThatAreNotUTF8AreLeftOut(t *testing.T) {
	directory := t.TempDir()
	for _, name := range []string{"a\xff", "ok", "\xc3", "\xed\xa0\x80"} {
		write(t, filepath.Join(directory, name), "")
	}
	entries, err := ReadDir(directory)
	must(t, err)
	if len(entries) != 1 || entries[0].Name != "ok" {
		t.Fatalf("%+v", entries)
	}
	must(t, Remove(directory, true))
}

func TestReadDirRefusesWhatOneMessageCannotHold(t *testing.T) {
	directory := t.TempDir()
	for i := range 10 {
		write(t, fmt.Sprintf("%s/name%d", directory, i), "")
	}
	if entries, err := readDir(directory, 10, 50); len(entries) != 10 || err != nil {
		t.Fatal(len(entries), err)
	}
	_, err := readDir(directory, 9, 50)
	wantFault(t, err, "Error", "E2BIG")
	_, err = readDir(directory, 10, 49)
	wantFault(t, err, "Error", "E2BIG")
}
