package pages

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// Process is a QEMU process, identified by its pid and the time of its start in the kernel's ticks.
type Process struct {
	Pid        int   `json:"pid"`
	StartTicks int64 `json:"startTicks"`
}

// check returns an error unless exactly this process still runs.
func (p Process) check() error {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.Pid))
	if err != nil {
		return fmt.Errorf("process %d: %w", p.Pid, err)
	}
	// After the name, which may contain anything, the start time is the 20th field (proc_pid_stat(5)).
	const startField = 19
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) <= startField || fields[startField] != strconv.FormatInt(p.StartTicks, 10) {
		return fmt.Errorf("process %d is not the one that started at %d", p.Pid, p.StartTicks)
	}
	return nil
}

// mapping is where a process has mapped a memory file, copy-on-write.
type mapping struct {
	process Process
	// ranges are in the order of their offsets, without gaps.
	ranges []mappedRange
}

type mappedRange struct {
	address, offset, size uint64
}

// findMapping finds a file of the given size in a process's memory.
func findMapping(process Process, file *os.File) (*mapping, uint64, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, 0, err
	}
	inode, size := info.Sys().(*syscall.Stat_t).Ino, uint64(info.Size())
	maps, err := os.Open(fmt.Sprintf("/proc/%d/maps", process.Pid))
	if err != nil {
		return nil, 0, err
	}
	defer maps.Close()
	// By device: files of other file systems, such as libraries, may have the same inode number. The file's own device
	// need not be the one that stat returns: file systems may have several.
	devices := map[string][]mappedRange{}
	lines := bufio.NewScanner(maps)
	for lines.Scan() {
		if part, device, ok := parseLine(lines.Text(), inode); ok {
			devices[device] = append(devices[device], part)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, 0, err
	}
	var found *mapping
	for _, ranges := range devices {
		if !isWhole(ranges, size) {
			continue
		}
		if found != nil {
			return nil, 0, fmt.Errorf("process %d has mapped more than one file that can be %s", process.Pid, file.Name())
		}
		found = &mapping{process: process, ranges: ranges}
	}
	if found == nil {
		return nil, 0, fmt.Errorf("process %d has not mapped %s once, as a whole", process.Pid, file.Name())
	}
	return found, size, nil
}

// isWhole returns whether ranges map all of a file of the given size once, in order.
func isWhole(ranges []mappedRange, size uint64) bool {
	var next uint64
	for _, part := range ranges {
		if part.offset != next {
			return false
		}
		next += part.size
	}
	return next == size && size > 0
}

// parseLine reads a line of /proc/PID/maps. It returns false unless the line is a private, writable mapping of the inode.
func parseLine(line string, inode uint64) (part mappedRange, device string, ok bool) {
	fields := strings.Fields(line)
	if len(fields) < 5 || fields[1] != "rw-p" || fields[4] != strconv.FormatUint(inode, 10) {
		return mappedRange{}, "", false
	}
	from, to, _ := strings.Cut(fields[0], "-")
	start, err1 := strconv.ParseUint(from, 16, 64)
	end, err2 := strconv.ParseUint(to, 16, 64)
	offset, err3 := strconv.ParseUint(fields[2], 16, 64)
	if errors.Join(err1, err2, err3) != nil || end <= start {
		return mappedRange{}, "", false
	}
	return mappedRange{address: start, offset: offset, size: end - start}, fields[3], true
}

// address returns where an offset of the file is, and how many bytes follow it without interruption.
func (m *mapping) address(offset uint64) (uint64, uint64) {
	for _, part := range m.ranges {
		if offset >= part.offset && offset < part.offset+part.size {
			inside := offset - part.offset
			return part.address + inside, part.size - inside
		}
	}
	return 0, 0
}
