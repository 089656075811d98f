package pages

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

const memoryPages = 3000

// TestMain also is the holder's program: it maps a file, writes to the pages it is told, and waits.
func TestMain(m *testing.M) {
	if path := os.Getenv("PAGES_TEST_HOLDER"); path != "" {
		hold(path, strings.Fields(os.Getenv("PAGES_TEST_CHANGED")))
		return
	}
	os.Exit(m.Run())
}

func hold(path string, changed []string) {
	file, err := os.Open(path)
	if err != nil {
		panic(err)
	}
	memory, err := unix.Mmap(int(file.Fd()), 0, memoryPages*pageBytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE)
	if err != nil {
		panic(err)
	}
	for _, text := range changed {
		page, _ := strconv.Atoi(text)
		fill(memory[page*pageBytes:(page+1)*pageBytes], byte(page))
	}
	// Read pages are still the template's.
	sum := 0
	for page := 0; page < memoryPages; page += 7 {
		sum += int(memory[page*pageBytes])
	}
	_ = os.WriteFile(os.Getenv("PAGES_TEST_READY"), []byte(strconv.Itoa(sum)), 0o600)
	os.Stdout.WriteString("ready\n")
	line := make([]byte, 64)
	for {
		if _, err := os.Stdin.Read(line); err != nil {
			return
		}
		os.Stdout.Write(memory)
	}
}

func fill(page []byte, with byte) {
	for n := range page {
		page[n] = with ^ 0x5a
	}
}

type started struct {
	Process
	memory func() []byte
	end    func()
}

func start(t *testing.T, template string, changed []int) started {
	t.Helper()
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), "PAGES_TEST_HOLDER="+template, "PAGES_TEST_CHANGED="+strings.Trim(fmt.Sprint(changed), "[]"),
		"PAGES_TEST_READY="+filepath.Join(t.TempDir(), "ready"))
	in, _ := command.StdinPipe()
	out, _ := command.StdoutPipe()
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	end := func() { _ = in.Close(); _ = command.Wait() }
	t.Cleanup(end)
	read := func(n int) []byte {
		all := make([]byte, n)
		for have := 0; have < n; {
			more, err := out.Read(all[have:])
			if err != nil {
				t.Fatal(err)
			}
			have += more
		}
		return all
	}
	read(len("ready\n"))
	return started{
		Process: Process{command.Process.Pid, startTicks(t, command.Process.Pid)},
		memory:  func() []byte { _, _ = in.Write([]byte("\n")); return read(memoryPages * pageBytes) },
		end:     end,
	}
}

func startTicks(t *testing.T, pid int) int64 {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	ticks, _ := strconv.ParseInt(fields[19], 10, 64)
	return ticks
}

func template(t *testing.T) string {
	t.Helper()
	content := make([]byte, memoryPages*pageBytes)
	for page := range memoryPages {
		content[page*pageBytes] = byte(page)
	}
	path := filepath.Join(t.TempDir(), "memory")
	if err := os.WriteFile(path, content, 0o400); err != nil {
		t.Fatal(err)
	}
	return path
}

func somePages() []int {
	chosen := map[int]bool{0: true, memoryPages - 1: true}
	for range 40 {
		first := rand.IntN(memoryPages)
		for page := first; page < min(memoryPages, first+rand.IntN(60)); page++ {
			chosen[page] = true
		}
	}
	var pages []int
	for page := range chosen {
		pages = append(pages, page)
	}
	return pages
}

func TestWhatAProcessHasChangedArrivesInAnother(t *testing.T) {
	memory := template(t)
	pages := somePages()
	source, target := start(t, memory, pages), start(t, memory, nil)
	result, err := Copy(Order{Memory: memory, From: End{Process: &source.Process}, To: End{Process: &target.Process}})
	if err != nil {
		t.Fatal(err)
	}
	if result.Pages != uint64(len(pages)) {
		t.Errorf("%d pages were copied, not %d", result.Pages, len(pages))
	}
	if !bytes.Equal(source.memory(), target.memory()) {
		t.Error("the memories differ")
	}
}

func TestAFileKeepsThePagesForALaterProcess(t *testing.T) {
	memory := template(t)
	source, target := start(t, memory, somePages()), start(t, memory, nil)
	file := filepath.Join(t.TempDir(), "pages")
	saved, err := Copy(Order{Memory: memory, From: End{Process: &source.Process}, To: End{File: file}})
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := Copy(Order{Memory: memory, From: End{File: file}, To: End{Process: &target.Process}})
	if err != nil {
		t.Fatal(err)
	}
	if saved.Pages != loaded.Pages || !bytes.Equal(source.memory(), target.memory()) {
		t.Errorf("%d pages were saved, %d loaded", saved.Pages, loaded.Pages)
	}
}

func TestAProcessThatChangedNothingNeedsNoPages(t *testing.T) {
	memory := template(t)
	source, target := start(t, memory, nil), start(t, memory, nil)
	file := filepath.Join(t.TempDir(), "pages")
	for _, order := range []Order{
		{Memory: memory, From: End{Process: &source.Process}, To: End{File: file}},
		{Memory: memory, From: End{File: file}, To: End{Process: &target.Process}},
	} {
		if result, err := Copy(order); err != nil || result.Pages != 0 {
			t.Errorf("%d pages: %v", result.Pages, err)
		}
	}
}

func TestAnotherProcessWithTheSamePidIsLeftAlone(t *testing.T) {
	memory := template(t)
	source, target := start(t, memory, []int{1}), start(t, memory, nil)
	other := target.Process
	other.StartTicks++
	if _, err := Copy(Order{Memory: memory, From: End{Process: &source.Process}, To: End{Process: &other}}); err == nil {
		t.Error("it was written to")
	}
	source.end()
	if _, err := Copy(Order{Memory: memory, From: End{Process: &source.Process}, To: End{Process: &target.Process}}); err == nil {
		t.Error("an ended process was read")
	}
}

func TestAProcessWithoutTheTemplateIsRefused(t *testing.T) {
	memory, other := template(t), template(t)
	source, target := start(t, memory, []int{1}), start(t, other, nil)
	if _, err := Copy(Order{Memory: memory, From: End{Process: &source.Process}, To: End{Process: &target.Process}}); err == nil {
		t.Error("pages of one template were written into another's clone")
	}
}

func TestALibraryOfAnotherFileSystemWithTheSameInodeIsNoMemory(t *testing.T) {
	const size = 3 * pageBytes
	for _, c := range []struct {
		lines string
		whole int
	}{
		{"1000-4000 rw-p 00000000 08:01 7 /m", 1},
		{"1000-2000 rw-p 00000000 08:01 7 /m\n2000-4000 rw-p 00001000 08:01 7 /m\n9000-a000 rw-p 00002000 fd:00 7 /lib", 1},
		{"1000-4000 r--p 00000000 08:01 7 /m", 0},
		{"1000-3000 rw-p 00000000 08:01 7 /m", 0},
		{"1000-4000 rw-p 00000000 08:01 8 /m", 0},
	} {
		devices := map[string][]mappedRange{}
		for _, line := range strings.Split(c.lines, "\n") {
			if part, device, ok := parseLine(line, 7); ok {
				devices[device] = append(devices[device], part)
			}
		}
		whole := 0
		for _, ranges := range devices {
			if isWhole(ranges, size) {
				whole++
			}
		}
		if whole != c.whole {
			t.Errorf("%d mappings in %q", whole, c.lines)
		}
	}
}

func TestADamagedFileOfPagesIsRefused(t *testing.T) {
	memory := template(t)
	source, target := start(t, memory, []int{1, 2, 9}), start(t, memory, nil)
	good := filepath.Join(t.TempDir(), "pages")
	if _, err := Copy(Order{Memory: memory, From: End{Process: &source.Process}, To: End{File: good}}); err != nil {
		t.Fatal(err)
	}
	if _, err := Copy(Order{Memory: memory, From: End{Process: &source.Process}, To: End{File: good}}); err == nil {
		t.Error("an existing file was overwritten")
	}
	content, _ := os.ReadFile(good)
	try := func(damaged []byte) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "damaged")
		_ = os.WriteFile(path, damaged, 0o600)
		if _, err := Copy(Order{Memory: memory, From: End{File: path}, To: End{Process: &target.Process}}); err == nil {
			t.Error("it was loaded")
		}
	}
	for _, length := range []int{0, 7, headerBytes, headerBytes + 3, pageBytes, len(content) - 1} {
		try(content[:length])
	}
	try(append(bytes.Clone(content), 0))
	for at := range headerBytes + 2*runBytes {
		flipped := bytes.Clone(content)
		flipped[at] ^= 0x80
		try(flipped)
	}
}

func TestBatchesContainEveryPageOnce(t *testing.T) {
	for range 50 {
		var runs []run
		for page := range uint32(memoryPages) {
			if rand.IntN(3) > 0 {
				runs = appendPage(runs, page)
			}
		}
		var again []run
		var next uint64
		for _, part := range batches(runs) {
			if part.first != next || part.count != total(part.runs) || part.count > batchPages {
				t.Fatalf("a batch begins at %d with %d pages", part.first, part.count)
			}
			next += part.count
			for _, r := range part.runs {
				for page := range r.count {
					again = appendPage(again, r.first+page)
				}
			}
		}
		if fmt.Sprint(runs) != fmt.Sprint(again) {
			t.Fatal("the pages differ")
		}
	}
}

func TestBothWaysToFindWhatHasChangedAgree(t *testing.T) {
	template := filepath.Join(t.TempDir(), "template")
	if err := os.WriteFile(template, bytes.Repeat([]byte{1}, memoryPages*pageBytes), 0o600); err != nil {
		t.Fatal(err)
	}
	// More regions than the kernel returns at a time.
	var changed []int
	for page := 0; page < memoryPages; page += 2 + page%3 {
		changed = append(changed, page)
	}
	process := start(t, template, changed)
	file, err := os.Open(template)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	mapped, _, err := findMapping(process.Process, file)
	if err != nil {
		t.Fatal(err)
	}
	pagemap, err := os.Open(fmt.Sprintf("/proc/%d/pagemap", process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	defer pagemap.Close()
	read, err := mapped.read(pagemap)
	if err != nil || len(read) <= scanRegions || total(read) != uint64(len(changed)) {
		t.Fatalf("%d runs of %d pages instead of %d: %v", len(read), total(read), len(changed), err)
	}
	scanned, err := mapped.scan(pagemap)
	if errors.Is(err, unix.ENOTTY) {
		t.Skip("this kernel is older than 6.7")
	}
	if err != nil || !slices.Equal(scanned, read) {
		t.Fatalf("%d runs of %d pages, not the same: %v", len(scanned), total(scanned), err)
	}
}
