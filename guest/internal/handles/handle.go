package handles

import (
	"context"
	"io"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"sandkeep.dev/guest/internal/contract"
	"sandkeep.dev/guest/internal/fault"
	"sandkeep.dev/guest/internal/files"
)

// Lock attempts are repeated at intervals that grow from the first to the last: flock has no event, and a thread
// blocked in it could not be interrupted when the host gives up.
const (
	firstLockRetry = 2 * time.Millisecond
	lastLockRetry  = 200 * time.Millisecond
)

// Open opens a file for the connection.
func (t *Table) Open(p contract.OpenParams) (int64, error) {
	file, err := files.Open(p)
	if err != nil {
		return 0, err
	}
	handle, err := t.add(file)
	return handle, fault.Path(err, "open", p.Path)
}

// Sync flushes content and metadata to the disk.
func (t *Table) Sync(handle int64) error { return t.control(handle, unix.Fsync) }

// SyncData flushes the content.
func (t *Table) SyncData(handle int64) error { return t.control(handle, unix.Fdatasync) }

// Stat describes the file.
func (t *Table) Stat(handle int64) (info *files.Info, err error) {
	err = t.control(handle, func(fd int) error {
		info, err = files.StatFd(fd)
		return err
	})
	return info, err
}

// Truncate sets the file's length.
func (t *Table) Truncate(handle, length int64) error {
	if length < 0 {
		return fault.TypeError("Invalid length: %d", length)
	}
	return t.control(handle, func(fd int) error { return unix.Ftruncate(fd, length) })
}

// Utime sets the file's times, in milliseconds since 1970.
func (t *Table) Utime(handle int64, atimeMs, mtimeMs float64) error {
	return t.control(handle, func(fd int) error { return files.UtimeFd(fd, atimeMs, mtimeMs) })
}

// SeekTo moves the position. offset is a decimal number; whence is 0 for start, 1 for current, 2 for end.
func (t *Table) SeekTo(handle int64, offset string, whence int) (position int64, err error) {
	delta, err := strconv.ParseInt(offset, 10, 64)
	if err != nil {
		return 0, fault.TypeError("Invalid offset: %q", offset)
	}
	if whence < io.SeekStart || whence > io.SeekEnd {
		return 0, fault.TypeError("Invalid seek mode: %d", whence)
	}
	file, err := t.get(handle)
	if err != nil {
		return 0, err
	}
	position, err = file.Seek(delta, whence)
	return position, plain(err)
}

// Unlock releases a lock.
func (t *Table) Unlock(handle int64) error {
	return t.control(handle, func(fd int) error { return unix.Flock(fd, unix.LOCK_UN) })
}

// Lock waits for an advisory lock, or for the end of the context.
func (t *Table) Lock(ctx context.Context, handle int64, exclusive bool) error {
	kind := unix.LOCK_SH
	if exclusive {
		kind = unix.LOCK_EX
	}
	for wait := firstLockRetry; ; wait = min(2*wait, lastLockRetry) {
		taken := false
		err := t.control(handle, func(fd int) error {
			err := unix.Flock(fd, kind|unix.LOCK_NB)
			taken = err == nil
			if err == unix.EWOULDBLOCK {
				return nil
			}
			return err
		})
		if err != nil || taken {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

// Read copies at most length bytes from the position to out. It copies fewer only at the end of the file, or if a
// device, socket or FIFO has fewer available.
func (t *Table) Read(ctx context.Context, handle, length int64, out io.Writer) error {
	if length < 0 {
		return fault.TypeError("Invalid length: %d", length)
	}
	file, err := t.get(handle)
	if err != nil {
		return err
	}
	stop := wake(ctx, file.SetReadDeadline)
	defer stop()
	buffer := files.Buffer()
	defer files.Release(buffer)
	for length > 0 {
		asked := min(length, files.BufferBytes)
		n, err := file.Read((*buffer)[:asked])
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return plain(err)
		}
		if _, err := out.Write((*buffer)[:n]); err != nil {
			return err
		}
		if int64(n) < asked && !regular(file) {
			return nil
		}
		length -= int64(n)
	}
	return nil
}

// Write writes all of content at the position.
func (t *Table) Write(ctx context.Context, handle int64, content io.Reader) (written int64, err error) {
	file, err := t.get(handle)
	if err != nil {
		return 0, err
	}
	stop := wake(ctx, file.SetWriteDeadline)
	defer stop()
	buffer := files.Buffer()
	defer files.Release(buffer)
	for {
		n, readErr := content.Read(*buffer)
		if n > 0 {
			w, err := file.Write((*buffer)[:n])
			written += int64(w)
			if err != nil {
				return written, plain(err)
			}
		}
		if readErr == io.EOF {
			return written, nil
		}
		if readErr != nil {
			return written, readErr
		}
	}
}

// control runs a system call on the open file; a concurrent close waits for it.
func (t *Table) control(handle int64, call func(fd int) error) error {
	file, err := t.get(handle)
	if err != nil {
		return err
	}
	raw, err := file.SyscallConn()
	if err != nil {
		return plain(err)
	}
	var failed error
	if err := raw.Control(func(fd uintptr) {
		for failed = call(int(fd)); failed == unix.EINTR; {
			failed = call(int(fd))
		}
	}); err != nil {
		return fault.BadResource()
	}
	return plain(failed)
}

// wake interrupts a blocked read or write when the context ends. Files that never block do not support deadlines and
// need none.
func wake(ctx context.Context, setDeadline func(time.Time) error) (stop func()) {
	cancel := context.AfterFunc(ctx, func() { _ = setDeadline(time.Unix(1, 0)) })
	return func() {
		if !cancel() {
			_ = setDeadline(time.Time{})
		}
	}
}

func regular(file *os.File) bool {
	info, err := file.Stat()
	return err == nil && info.Mode().IsRegular()
}
