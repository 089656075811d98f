package disks

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

const mountinfo = `22 1 254:0 / / rw,noatime shared:1 - ext4 /dev/root rw
40 22 254:16 / /data rw,noatime - ext4 /dev/vdb ro,errors=remount-ro
41 22 254:160 / /other rw - ext4 /dev/vdk rw
42 40 254:16 /sub /data/with\040space\134 ro shared:7 master:3 - ext4 /dev/vdb rw
short
`

func TestMountsAreReadInTheirOrder(t *testing.T) {
	want := []mountPoint{
		{"254:0", "/", "/", false},
		{"254:16", "/", "/data", true},
		{"254:160", "/", "/other", false},
		{"254:16", "/sub", `/data/with space\`, false},
	}
	if got := parseMounts(mountinfo); !slices.Equal(got, want) {
		t.Fatal(got)
	}
}

func TestAMountBelowADirectoryIsFound(t *testing.T) {
	mounts := parseMounts(mountinfo)
	for directory, want := range map[string]string{
		"/data": `/data/with space\`, "/data/": `/data/with space\`, "/dat": "", "/other": "", "/": "/data",
	} {
		if got := mountBelow(directory, mounts[1:]); got != want {
			t.Errorf("%s: %q", directory, got)
		}
	}
}

func FuzzMountinfo(f *testing.F) {
	f.Add(mountinfo)
	f.Add(`1 2 254:16 / \04 rw`)
	f.Fuzz(func(_ *testing.T, list string) { parseMounts(list) })
}

func TestASuperblockSaysHowLargeItsFileSystemIs(t *testing.T) {
	superblock := make([]byte, 1024)
	if _, _, err := parseSuperblock(superblock); err == nil {
		t.Fatal("zeros are no file system")
	}
	binary.LittleEndian.PutUint16(superblock[magicOffset:], magic)
	binary.LittleEndian.PutUint32(superblock[blocksLowOffset:], 5)
	binary.LittleEndian.PutUint32(superblock[blocksHighOffset:], 1)
	binary.LittleEndian.PutUint32(superblock[logSizeOffset:], 2)
	if blocks, size, err := parseSuperblock(superblock); err != nil || blocks != 1<<32+5 || size != 4096 {
		t.Fatal(blocks, size, err)
	}
	binary.LittleEndian.PutUint32(superblock[logSizeOffset:], 40)
	if _, _, err := parseSuperblock(superblock); err == nil {
		t.Fatal("no block is that large")
	}
}

func TestDirectoriesForAMountAreCreatedForTheirOwner(t *testing.T) {
	directory := t.TempDir()
	owner := Owner{UID: uint32(os.Getuid()), GID: uint32(os.Getgid())}
	path := filepath.Join(directory, "with space", "deeper")
	if err := makeDirectories(path, owner); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		t.Fatal(err)
	}
	file := filepath.Join(directory, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, filepath.Join(file, "below")} {
		if err := makeDirectories(path, owner); err == nil {
			t.Errorf("%s is no directory", path)
		}
	}
}

func TestThawingWhatIsNotFrozenSaysSo(t *testing.T) {
	if Thaw(3) {
		t.Fatal("it was not frozen")
	}
	directory, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	// The timer and the host meet: one of them thaws.
	fs := &frozenFS{directory: directory, timer: time.NewTimer(time.Hour)}
	frozen.bySlot[3] = fs
	thaw(3, fs)
	if thaw(3, fs) || Thaw(3) {
		t.Fatal("it was thawed already")
	}
}

func TestAFileSystemThatTakesLongToFreezeKeepsNoOtherOneFrozen(t *testing.T) {
	held := map[int]*frozenFS{}
	for _, slot := range []int{4, 5} {
		directory, err := os.Open(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		held[slot] = &frozenFS{directory: directory, timer: time.NewTimer(time.Hour)}
		frozen.bySlot[slot] = held[slot]
	}
	held[4].Lock()
	Thaw(5)
	if in(5) != nil {
		t.Fatal("it is still frozen")
	}
	thawed := make(chan struct{})
	go func() {
		Thaw(4)
		close(thawed)
	}()
	held[4].Unlock()
	<-thawed
	if in(4) != nil {
		t.Fatal("it stays frozen once that is done")
	}
}
