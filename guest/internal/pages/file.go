package pages

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
)

// A file of pages: magic, size of the memory in bytes, number of runs, checksum of the runs (64 bit each), the runs
// (first page and number of pages, 32 bit each), zeros up to a whole page, then the pages. Little-endian.
const (
	magic       = "SKPAGES1"
	headerBytes = len(magic) + 24
	runBytes    = 8
)

var order = binary.LittleEndian

var errNoFile = errors.New("not a file of pages")

// writeHeader writes everything before the pages, and returns where those begin.
func writeHeader(file *os.File, size uint64, runs []run) (uint64, error) {
	header := make([]byte, dataOffset(len(runs)))
	copy(header, magic)
	order.PutUint64(header[len(magic):], size)
	order.PutUint64(header[len(magic)+8:], uint64(len(runs)))
	for n, r := range runs {
		order.PutUint32(header[headerBytes+n*runBytes:], r.first)
		order.PutUint32(header[headerBytes+n*runBytes+4:], r.count)
	}
	order.PutUint64(header[len(magic)+16:], checksum(header[headerBytes:headerBytes+len(runs)*runBytes]))
	_, err := file.WriteAt(header, 0)
	return uint64(len(header)), err
}

// readHeader checks a file against the size of the memory, and returns its runs and where the pages begin.
func readHeader(file *os.File, size uint64) ([]run, uint64, error) {
	header := make([]byte, headerBytes)
	if _, err := file.ReadAt(header, 0); err != nil {
		return nil, 0, errors.Join(errNoFile, err)
	}
	if string(header[:len(magic)]) != magic {
		return nil, 0, errNoFile
	}
	if got := order.Uint64(header[len(magic):]); got != size {
		return nil, 0, fmt.Errorf("the pages are of a memory of %d bytes, not %d", got, size)
	}
	count := order.Uint64(header[len(magic)+8:])
	if count > size/pageBytes {
		return nil, 0, errNoFile
	}
	table := make([]byte, count*runBytes)
	if _, err := file.ReadAt(table, int64(headerBytes)); err != nil && (err != io.EOF || count > 0) {
		return nil, 0, errors.Join(errNoFile, err)
	}
	if order.Uint64(header[len(magic)+16:]) != checksum(table) {
		return nil, 0, errNoFile
	}
	runs := make([]run, count)
	var next uint64
	for n := range runs {
		r := run{order.Uint32(table[n*runBytes:]), order.Uint32(table[n*runBytes+4:])}
		if uint64(r.first) < next || r.count == 0 {
			return nil, 0, errNoFile
		}
		next = uint64(r.first) + uint64(r.count)
		runs[n] = r
	}
	offset := dataOffset(len(runs))
	info, err := file.Stat()
	if err != nil {
		return nil, 0, err
	}
	if next > size/pageBytes || uint64(info.Size()) != offset+total(runs)*pageBytes {
		return nil, 0, errNoFile
	}
	return runs, offset, nil
}

func checksum(runs []byte) uint64 {
	return uint64(crc32.ChecksumIEEE(runs))
}

func dataOffset(runs int) uint64 {
	length := uint64(headerBytes + runs*runBytes)
	return (length + pageBytes - 1) / pageBytes * pageBytes
}
