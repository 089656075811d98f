package pages

import (
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Of an entry in /proc/PID/pagemap (Linux: admin-guide/mm/pagemap).
const (
	present    = 1 << 63
	swapped    = 1 << 62
	fileBacked = 1 << 61
)

// Of the PAGEMAP_SCAN ioctl, described on the same page.
const (
	pagemapScan    = 0xc0606610
	scanFileBacked = 1 << 2
	scanPresent    = 1 << 3
	scanSwapped    = 1 << 4
)

// scanOrder is struct pm_scan_arg.
type scanOrder struct {
	size, flags, start, end, walkEnd uint64
	regions                          *scanRegion
	regionCount, maxPages            uint64
	inverted, all, any, returned     uint64
}

// scanRegion is struct page_region.
type scanRegion struct {
	start, end uint64
	// Its categories.
	_ uint64
}

const (
	// scanRegions is how many regions the kernel returns at a time.
	scanRegions = 512
	// mapBytes is how much of the page map is read at a time: it stays in the processor's cache.
	mapBytes = 64 << 10
)

// changed returns the runs of pages that the process has changed since it mapped the file: they are its own.
func (m *mapping) changed() ([]run, error) {
	pagemap, err := os.Open(fmt.Sprintf("/proc/%d/pagemap", m.process.Pid))
	if err != nil {
		return nil, err
	}
	defer pagemap.Close()
	runs, err := m.scan(pagemap)
	// Older kernels do not know it; others may forbid it.
	if err != nil {
		runs, err = m.read(pagemap)
	}
	if err != nil {
		return nil, fmt.Errorf("the page map of process %d: %w", m.process.Pid, err)
	}
	return runs, nil
}

// scan asks the kernel for those pages, which skips all others. Kernels before 6.7 do not know that: unix.ENOTTY.
func (m *mapping) scan(pagemap *os.File) (runs []run, err error) {
	regions := make([]scanRegion, scanRegions)
	for _, part := range m.ranges {
		for at, end := part.address, part.address+part.size; at < end; {
			wanted := scanOrder{
				size: uint64(unsafe.Sizeof(scanOrder{})), start: at, end: end, regions: &regions[0], regionCount: scanRegions,
				inverted: scanFileBacked, all: scanFileBacked, any: scanPresent | scanSwapped, returned: scanPresent | scanSwapped,
			}
			found, _, errno := unix.Syscall(unix.SYS_IOCTL, pagemap.Fd(), pagemapScan, uintptr(unsafe.Pointer(&wanted)))
			if errno == unix.EINTR {
				continue
			}
			if errno != 0 {
				return nil, errno
			}
			for _, region := range regions[:found] {
				for address := region.start; address < region.end; address += pageBytes {
					runs = appendPage(runs, uint32((part.offset+address-part.address)/pageBytes))
				}
			}
			if wanted.walkEnd <= at {
				return nil, errors.New("the kernel does not get on")
			}
			at = wanted.walkEnd
		}
	}
	return runs, nil
}

// read looks at the entries of all pages.
func (m *mapping) read(pagemap *os.File) (runs []run, err error) {
	buffer := make([]byte, mapBytes)
	for _, part := range m.ranges {
		for n, pages := uint64(0), part.size/pageBytes; n < pages; {
			entries := buffer[:min(mapBytes, (pages-n)*8)]
			if _, err := pagemap.ReadAt(entries, int64((part.address/pageBytes+n)*8)); err != nil {
				return nil, err
			}
			for ; len(entries) > 0; entries, n = entries[8:], n+1 {
				entry := order.Uint64(entries)
				if entry&(present|swapped) != 0 && entry&fileBacked == 0 {
					runs = appendPage(runs, uint32(part.offset/pageBytes+n))
				}
			}
		}
	}
	return runs, nil
}
