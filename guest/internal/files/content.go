package files

import (
	"context"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"sandkeep.dev/guest/internal/contract"
	"sandkeep.dev/guest/internal/fault"
)

// fifoRetry is the interval between attempts to open a FIFO without a reader: the kernel has no event for a new reader.
const fifoRetry = 50 * time.Millisecond

// ReadFile opens a file, passes its size to head and copies its content to out.
func ReadFile(ctx context.Context, path string, head func(size int64) error, out io.Writer) error {
	const operation = "readfile"
	if err := CheckPath(path); err != nil {
		return err
	}
	fd, err := openFd(path, unix.O_RDONLY, 0)
	if err != nil {
		return fault.Path(err, operation, path)
	}
	source, regular := newContent(ctx, fd, path)
	defer source.Close()
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return fault.Path(err, operation, path)
	}
	if stat.Mode&unix.S_IFMT == unix.S_IFDIR {
		return fault.Path(unix.EISDIR, operation, path)
	}
	size := int64(0)
	if regular {
		size = stat.Size
	}
	if err := head(size); err != nil {
		return err
	}
	return copyBuffered(out, source)
}

// WriteFile writes all of content to a file. The mode, if given, is set regardless of the umask, as in Deno.
func WriteFile(ctx context.Context, p contract.WriteFileParams, content io.Reader) error {
	const operation = "writefile"
	if err := CheckPath(p.Path); err != nil {
		return err
	}
	flags, mode := unix.O_WRONLY, uint32(0o666)
	if p.Append {
		flags |= unix.O_APPEND
	} else {
		flags |= unix.O_TRUNC
	}
	if p.CreateNew {
		flags |= unix.O_CREAT | unix.O_EXCL
	} else if p.Create == nil || *p.Create {
		flags |= unix.O_CREAT
	}
	if p.Mode != nil {
		mode = *p.Mode & 0o7777
	}
	fd, err := openForWriting(ctx, p.Path, flags, mode)
	if err != nil {
		return fault.Path(err, operation, p.Path)
	}
	target, _ := newContent(ctx, fd, p.Path)
	defer target.Close()
	if p.Mode != nil {
		if err := unix.Fchmod(fd, mode); err != nil {
			return fault.Path(err, operation, p.Path)
		}
	}
	if err := copyBuffered(target, content); err != nil {
		return fault.Path(err, operation, p.Path)
	}
	return fault.Path(target.Close(), operation, p.Path)
}

// openForWriting opens a file. For a FIFO it waits until there is a reader.
func openForWriting(ctx context.Context, path string, flags int, mode uint32) (int, error) {
	for {
		fd, err := openFd(path, flags, mode)
		if err != unix.ENXIO {
			return fd, err
		}
		var stat unix.Stat_t
		if unix.Stat(path, &stat) != nil || stat.Mode&unix.S_IFMT != unix.S_IFIFO {
			return fd, err
		}
		select {
		case <-ctx.Done():
			return -1, ctx.Err()
		case <-time.After(fifoRetry):
		}
	}
}

// copyBuffered copies to the end with a pooled buffer. File errors are returned as error numbers.
func copyBuffered(to io.Writer, from io.Reader) error {
	buffer := Buffer()
	defer Release(buffer)
	for {
		n, err := from.Read(*buffer)
		if n > 0 {
			if _, err := to.Write((*buffer)[:n]); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// FlushWriter buffers writes until it is flushed.
type FlushWriter interface {
	io.Writer
	Flush() error
}

// CopyPromptly copies to the end and flushes each piece at once, for responses that trickle in.
func CopyPromptly(to FlushWriter, from io.Reader) error { return copyBuffered(prompt{to}, from) }

type prompt struct{ to FlushWriter }

func (p prompt) Write(data []byte) (int, error) {
	n, err := p.to.Write(data)
	if err == nil {
		err = p.to.Flush()
	}
	return n, err
}

// newContent makes a reader and writer for an open file's content. A file that can block is watched by the runtime's
// poller and closed when the context ends; a regular file is read and written directly.
func newContent(ctx context.Context, fd int, path string) (content io.ReadWriteCloser, regular bool) {
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil || stat.Mode&unix.S_IFMT == unix.S_IFREG || stat.Mode&unix.S_IFMT == unix.S_IFDIR {
		return &regularFile{fd: fd}, err == nil && stat.Mode&unix.S_IFMT == unix.S_IFREG
	}
	file := os.NewFile(uintptr(fd), path)
	slow := &slowFile{File: file}
	slow.stop = context.AfterFunc(ctx, func() { file.Close() })
	if stat.Mode&unix.S_IFMT == unix.S_IFIFO {
		return &fifo{slowFile: slow}, false
	}
	return slow, false
}

// regularFile never blocks.
type regularFile struct{ fd int }

func (f *regularFile) Read(p []byte) (int, error) { return ReadFd(f.fd, p) }

func (f *regularFile) Write(p []byte) (int, error) {
	if err := WriteFd(f.fd, p); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (f *regularFile) Close() error {
	if f.fd < 0 {
		return nil
	}
	err := unix.Close(f.fd)
	f.fd = -1
	return err
}

// slowFile is a device, a socket or a FIFO.
type slowFile struct {
	*os.File
	stop func() bool
}

func (f *slowFile) Read(p []byte) (int, error) {
	n, err := f.File.Read(p)
	return n, fault.ErrnoOf(err)
}

func (f *slowFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	return n, fault.ErrnoOf(err)
}

func (f *slowFile) Close() error {
	f.stop()
	if err := f.File.Close(); err != nil && err != os.ErrClosed {
		return fault.ErrnoOf(err)
	}
	return nil
}

// fifo waits for its first writer, as a blocking open would: until then a read returns end of file.
type fifo struct {
	*slowFile
	begun bool
}

func (f *fifo) Read(p []byte) (n int, err error) {
	if f.begun {
		return f.slowFile.Read(p)
	}
	raw, err := f.File.SyscallConn()
	if err != nil {
		return 0, err
	}
	waitErr := raw.Read(func(fd uintptr) bool {
		n, err = ReadFd(int(fd), p)
		return err != unix.EAGAIN && (err != io.EOF || hungUp(int(fd)))
	})
	if waitErr != nil {
		return 0, waitErr
	}
	f.begun = true
	return n, err
}

// hungUp reports whether a FIFO had a writer that has left; one that never had a writer is merely empty.
func hungUp(fd int) bool {
	state := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, err := unix.Poll(state, 0)
	return err != nil || (n > 0 && state[0].Revents&unix.POLLHUP != 0)
}
