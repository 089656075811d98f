// Package owner finds the process behind a flow. The search is short, because every connection waits for it.
package owner

import (
	"encoding/binary"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// budget limits the time of one search. For comparison, a connection under emulation takes 5 ms.
	budget = 3 * time.Millisecond
	// guesses is how many recent PIDs are tried before listing all processes, which takes milliseconds in an emulated
	// guest: often the youngest process is the one that connects.
	guesses = 12
	// maxProcesses and maxFiles also limit the search: the youngest processes and their newest descriptors.
	maxProcesses = 64
	maxFiles     = 256
	// maxRecent is how many processes that recently opened flows are checked first.
	maxRecent = 8
)

// Finder finds processes. It is safe for concurrent use but runs one search at a time; concurrent callers get no
// answer.
type Finder struct {
	mu     sync.Mutex
	proc   string
	recent []int
	buffer []byte
}

// New makes a finder. It sends the kernel one query, so that the kernel has loaded what later queries need.
func New() *Finder {
	f := &Finder{proc: "/proc"}
	nobody := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 1)
	for _, protocol := range []byte{unix.IPPROTO_TCP, unix.IPPROTO_UDP} {
		_, _ = inode(protocol, nobody, nobody)
	}
	return f
}

// Find names the process that owns a flow's socket, in the header's form: "<pid> <name>", with the name
// percent-encoded. It returns an empty string if it finds none.
func (f *Finder) Find(protocol byte, source, target netip.AddrPort) string {
	if !f.mu.TryLock() {
		return ""
	}
	defer f.mu.Unlock()
	deadline := time.Now().Add(budget)
	number, ok := inode(protocol, source, target)
	if !ok {
		return ""
	}
	pid := f.holder("socket:["+strconv.FormatUint(uint64(number), 10)+"]", deadline)
	if pid == 0 {
		return ""
	}
	f.remember(pid)
	name, err := os.ReadFile(f.proc + "/" + strconv.Itoa(pid) + "/comm")
	if err != nil {
		return ""
	}
	return strconv.Itoa(pid) + " " + encode(strings.TrimSuffix(string(name), "\n"))
}

// holder finds the process that has a socket open.
func (f *Finder) holder(link string, deadline time.Time) int {
	for _, pid := range f.recent {
		if f.holds(pid, link, deadline) {
			return pid
		}
	}
	youngest := f.lastPid()
	for pid := youngest; pid > max(0, youngest-guesses); pid-- {
		if f.holds(pid, link, deadline) {
			return pid
		}
	}
	if time.Now().After(deadline) {
		return 0
	}
	for _, pid := range newest(f.proc, maxProcesses) {
		if time.Now().After(deadline) {
			return 0
		}
		if f.holds(pid, link, deadline) {
			return pid
		}
	}
	return 0
}

// lastPid returns the most recently assigned PID (proc_loadavg(5)).
func (f *Finder) lastPid() int {
	text, err := os.ReadFile(f.proc + "/loadavg")
	if err != nil {
		return 0
	}
	_, last, _ := strings.Cut(strings.TrimSpace(string(text)), "/")
	_, last, _ = strings.Cut(last, " ")
	pid, _ := strconv.Atoi(last)
	return pid
}

// holds reports whether a process has a file open with the given link target. It checks the highest descriptors first,
// usually the newest.
func (f *Finder) holds(pid int, link string, deadline time.Time) bool {
	directory := f.proc + "/" + strconv.Itoa(pid) + "/fd"
	if f.buffer == nil {
		f.buffer = make([]byte, 64)
	}
	files := newest(directory, maxFiles)
	for n, file := range files {
		if n%16 == 15 && time.Now().After(deadline) {
			return false
		}
		size, err := unix.Readlink(directory+"/"+strconv.Itoa(file), f.buffer)
		if err == nil && string(f.buffer[:size]) == link {
			return true
		}
	}
	return false
}

// newest returns the highest numbers among a directory's names, highest first.
func newest(directory string, most int) []int {
	fd, err := unix.Open(directory, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	var numbers []int
	buffer := make([]byte, 8192)
	for {
		n, err := unix.ReadDirent(fd, buffer)
		if err != nil || n <= 0 {
			break
		}
		numbers = appendNumbers(numbers, buffer[:n])
	}
	// /proc lists in ascending order.
	for i, j := 0, len(numbers)-1; i < j; i, j = i+1, j-1 {
		numbers[i], numbers[j] = numbers[j], numbers[i]
	}
	return numbers[:min(most, len(numbers))]
}

// appendNumbers parses entries of getdents64(2).
func appendNumbers(numbers []int, entries []byte) []int {
	const headBytes = 19
	for len(entries) > headBytes {
		size := int(binary.NativeEndian.Uint16(entries[16:]))
		if size < headBytes || size > len(entries) {
			break
		}
		name, _, _ := strings.Cut(string(entries[headBytes:size]), "\x00")
		if number, err := strconv.Atoi(name); err == nil && number >= 0 {
			numbers = append(numbers, number)
		}
		entries = entries[size:]
	}
	return numbers
}

// remember moves a process to the front of the recent ones.
func (f *Finder) remember(pid int) {
	kept := append(make([]int, 0, maxRecent), pid)
	for _, other := range f.recent {
		if other != pid && len(kept) < maxRecent {
			kept = append(kept, other)
		}
	}
	f.recent = kept
}

// encode percent-encodes a name for a header: letters, digits and a few signs stay.
func encode(name string) string {
	const plain, digits = "-._~/+:@", "0123456789ABCDEF"
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		c := name[i]
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.IndexByte(plain, c) >= 0 {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', digits[c>>4], digits[c&15]})
		}
	}
	return b.String()
}
