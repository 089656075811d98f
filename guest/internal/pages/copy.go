// Package pages copies what a machine has changed of its template's memory: from its QEMU process to that of another
// clone of the template, or to a file and back. It runs on the host, which may read and write these processes' memory.
//
// A clone's QEMU maps the template's memory copy-on-write, so the pages that are its own are exactly what changed. The
// source must not run meanwhile, nor may the target have run.
package pages

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// threads copy at the same time: the kernel's first touch of each new page takes longest.
const threads = 2

// A copy of fewer batches leaves the processors to what the host does at the same time, which takes as long: except for
// the first thread, threads have this niceness.
const (
	smallBatches  = 64
	smallNiceness = 10
)

// Order says what to copy.
type Order struct {
	// Memory is the path of the template's memory.
	Memory string `json:"memory"`
	From   End    `json:"from"`
	To     End    `json:"to"`
}

// End is a process, or a file of pages; a target file must not exist yet.
type End struct {
	Process *Process `json:"process"`
	File    string   `json:"file"`
}

// Result describes a copy that succeeded.
type Result struct {
	Pages uint64  `json:"pages"`
	Bytes uint64  `json:"bytes"`
	Ms    float64 `json:"ms"`
}

// mover moves a batch between a buffer and an end.
type mover func(part batch, buffer []byte) error

// Copy executes an order.
func Copy(order Order) (Result, error) {
	started := time.Now()
	memory, err := os.Open(order.Memory)
	if err != nil {
		return Result{}, err
	}
	defer memory.Close()
	runs, size, read, closeSource, err := openSource(order.From, memory)
	if err != nil {
		return Result{}, err
	}
	defer closeSource()
	write, finish, err := openTarget(order.To, memory, size, runs)
	if err != nil {
		return Result{}, err
	}
	err = finish(copyAll(batches(runs), read, write))
	// If a process ended meanwhile, its pid may be another's.
	err = errors.Join(err, order.From.check(), order.To.check())
	if err != nil {
		return Result{}, err
	}
	pages := total(runs)
	return Result{Pages: pages, Bytes: pages * pageBytes, Ms: float64(time.Since(started).Microseconds()) / 1000}, nil
}

func (e End) check() error {
	if e.Process == nil {
		return nil
	}
	return e.Process.check()
}

func openSource(end End, memory *os.File) (runs []run, size uint64, read mover, done func(), err error) {
	if end.Process == nil {
		info, err := memory.Stat()
		if err != nil {
			return nil, 0, nil, nil, err
		}
		file, err := os.Open(end.File)
		if err != nil {
			return nil, 0, nil, nil, err
		}
		runs, offset, err := readHeader(file, uint64(info.Size()))
		if err != nil {
			file.Close()
			return nil, 0, nil, nil, fmt.Errorf("%s: %w", end.File, err)
		}
		read = func(part batch, buffer []byte) error {
			_, err := file.ReadAt(buffer, int64(offset+part.first*pageBytes))
			return err
		}
		return runs, uint64(info.Size()), read, func() { file.Close() }, nil
	}
	if err := end.check(); err != nil {
		return nil, 0, nil, nil, err
	}
	source, size, err := findMapping(*end.Process, memory)
	if err != nil {
		return nil, 0, nil, nil, err
	}
	runs, err = source.changed()
	return runs, size, source.mover(unix.SYS_PROCESS_VM_READV), func() {}, err
}

// openTarget returns what writes a batch, and what must be called afterwards with the outcome.
func openTarget(end End, memory *os.File, size uint64, runs []run) (mover, func(error) error, error) {
	if end.Process == nil {
		file, err := os.OpenFile(end.File, os.O_WRONLY|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o600)
		if err != nil {
			return nil, nil, err
		}
		offset, err := writeHeader(file, size, runs)
		finish := func(err error) error {
			err = errors.Join(err, file.Close())
			if err != nil {
				os.Remove(end.File)
			}
			return err
		}
		if err != nil {
			return nil, nil, finish(err)
		}
		write := func(part batch, buffer []byte) error {
			_, err := file.WriteAt(buffer, int64(offset+part.first*pageBytes))
			return err
		}
		return write, finish, nil
	}
	if err := end.check(); err != nil {
		return nil, nil, err
	}
	target, _, err := findMapping(*end.Process, memory)
	if err != nil {
		return nil, nil, err
	}
	return target.mover(unix.SYS_PROCESS_VM_WRITEV), func(err error) error { return err }, nil
}

// mover moves batches between a buffer and the process's memory.
func (m *mapping) mover(call uintptr) mover {
	return func(part batch, buffer []byte) error {
		remote := make([]unix.RemoteIovec, 0, len(part.runs))
		for _, r := range part.runs {
			offset, length := uint64(r.first)*pageBytes, uint64(r.count)*pageBytes
			for length > 0 {
				address, rest := m.address(offset)
				taken := min(rest, length)
				if taken == 0 {
					return fmt.Errorf("page %d is outside the memory", offset/pageBytes)
				}
				remote = append(remote, unix.RemoteIovec{Base: uintptr(address), Len: int(taken)})
				offset, length = offset+taken, length-taken
			}
		}
		if len(remote) > maxParts {
			return errors.New("the memory is mapped in too many parts")
		}
		local := unix.Iovec{Base: &buffer[0], Len: uint64(len(buffer))}
		n, _, errno := unix.Syscall6(call, uintptr(m.process.Pid), uintptr(unsafe.Pointer(&local)), 1,
			uintptr(unsafe.Pointer(&remote[0])), uintptr(len(remote)), 0)
		if errno != 0 {
			return fmt.Errorf("the memory of process %d: %w", m.process.Pid, errno)
		}
		if int(n) != len(buffer) {
			return fmt.Errorf("only %d of %d bytes of process %d could be copied", n, len(buffer), m.process.Pid)
		}
		return nil
	}
}

// copyAll copies all batches. It returns the first error, when nothing is being copied any more.
func copyAll(parts []batch, read, write mover) error {
	var next atomic.Int64
	var failed atomic.Pointer[error]
	var workers sync.WaitGroup
	for thread := range threads {
		workers.Add(1)
		go func() {
			defer workers.Done()
			// Never unlocked: the thread ends with this function.
			runtime.LockOSThread()
			if thread > 0 && len(parts) < smallBatches {
				_ = unix.Setpriority(unix.PRIO_PROCESS, 0, smallNiceness)
			}
			buffer := make([]byte, batchPages*pageBytes)
			for failed.Load() == nil {
				n := int(next.Add(1)) - 1
				if n >= len(parts) {
					return
				}
				bytes := buffer[:parts[n].count*pageBytes]
				err := read(parts[n], bytes)
				if err == nil {
					err = write(parts[n], bytes)
				}
				if err != nil {
					failed.CompareAndSwap(nil, &err)
				}
			}
		}()
	}
	workers.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}
