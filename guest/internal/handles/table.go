// Package handles keeps the open files of one connection.
package handles

import (
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"sandkeep.dev/guest/internal/fault"
)

// maxOpen limits the open files of a connection, far below the limit of the process.
const maxOpen = 1024

// Table holds the open files of a connection. The zero value is ready for use.
type Table struct {
	mu     sync.Mutex
	open   map[int64]*os.File
	last   int64
	closed bool
}

// add takes ownership of a file and gives it a number that was never used before.
func (t *Table) add(file *os.File) (int64, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || len(t.open) >= maxOpen {
		file.Close()
		return 0, unix.EMFILE
	}
	if t.open == nil {
		t.open = make(map[int64]*os.File)
	}
	t.last++
	t.open[t.last] = file
	return t.last, nil
}

// Get returns the file of a handle. It may be closed at any time; its methods then fail.
func (t *Table) get(handle int64) (*os.File, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if file, ok := t.open[handle]; ok {
		return file, nil
	}
	return nil, fault.BadResource()
}

// Close closes one file.
func (t *Table) Close(handle int64) error {
	t.mu.Lock()
	file, ok := t.open[handle]
	delete(t.open, handle)
	t.mu.Unlock()
	if !ok {
		return fault.BadResource()
	}
	return plain(file.Close())
}

// CloseAll closes every file; no more can be opened afterwards.
func (t *Table) CloseAll() {
	t.mu.Lock()
	open := t.open
	t.open, t.closed = nil, true
	t.mu.Unlock()
	for _, file := range open {
		file.Close()
	}
}

// plain converts an error of package os to a fault without the path, the way Deno words errors of open files.
func plain(err error) error {
	switch e := err.(type) {
	case nil:
		return nil
	case *os.PathError:
		err = e.Err
	case *os.SyscallError:
		err = e.Err
	}
	if err == os.ErrClosed {
		return fault.BadResource()
	}
	return fault.From(err)
}
