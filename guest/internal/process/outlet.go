package process

import (
	"errors"
	"io"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"sandkeep.dev/guest/internal/contract"
)

// How long an output is still carried after its process has exited, if others hold it open. Everything the process
// itself printed is carried, however slow the reader. The rest allows for output through another process, as with `exec
// > >(tee log)`; a background job may print for ever.
const (
	// quietAfterExit is how long without a byte counts as the end.
	quietAfterExit = 100 * time.Millisecond
	// waitAfterExit limits all such waits together.
	waitAfterExit = time.Second
	// bytesAfterExit limits further output: as much as the largest pipe an ordinary user can have.
	bytesAfterExit = 1 << 20
)

// outlet is the agent's end of one output.
type outlet struct {
	kind byte
	file *os.File
	raw  syscall.RawConn
}

func newOutlet(kind byte, file *os.File) (*outlet, error) {
	raw, err := file.SyscallConn()
	return &outlet{kind: kind, file: file, raw: raw}, err
}

// carry delivers output until it ends or is closed, or until the process has exited and its allowance is used up.
func (o *outlet) carry(over <-chan struct{}, deliver func(frame)) {
	var after *aftermath
	for {
		if after == nil {
			select {
			case <-over:
				after = &aftermath{owed: o.pending()}
			default:
			}
		}
		if after != nil && !after.begin(o.file) {
			return
		}
		lent, n, err := o.next()
		if after != nil && !after.took(o, n, err) {
			return
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			continue
		}
		if err != nil {
			return
		}
		contract.PutFrameHeader(*lent, o.kind, n)
		deliver(frame{bytes: (*lent)[:contract.FrameHeaderBytes+n], lent: lent})
	}
}

// discard reads and drops everything until the output ends.
func (o *outlet) discard() {
	_ = o.file.SetReadDeadline(time.Time{})
	for {
		lent, _, err := o.next()
		if err == nil {
			buffers.Put(lent)
			continue
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return
		}
		_ = o.file.SetReadDeadline(time.Time{})
	}
}

// next waits for bytes until the file's deadline. It borrows a buffer, with room for a frame's header, only once bytes
// are available: an idle output must not hold one.
func (o *outlet) next() (lent *[]byte, n int, err error) {
	waitErr := o.raw.Read(func(fd uintptr) bool {
		lent = buffers.Get().(*[]byte)
		for {
			n, err = unix.Read(int(fd), (*lent)[contract.FrameHeaderBytes:])
			if err != unix.EINTR {
				break
			}
		}
		if n > 0 {
			return true
		}
		buffers.Put(lent)
		return err != unix.EAGAIN
	})
	switch {
	case waitErr != nil:
		return nil, 0, waitErr
	case err != nil:
		return nil, 0, err // a terminal without users fails with EIO
	case n <= 0:
		return nil, 0, io.EOF
	}
	return lent, n, nil
}

// pending returns how many bytes wait to be read.
func (o *outlet) pending() (n int) {
	_ = o.raw.Control(func(fd uintptr) { n, _ = unix.IoctlGetInt(int(fd), unix.TIOCINQ) }) // FIONREAD, by its other name
	return n
}

// aftermath tracks an output after its process has exited.
type aftermath struct {
	owed   int // bytes printed before the exit
	extra  int // further bytes carried
	waited time.Duration
	since  time.Time
}

// begin sets the deadline for the next read, or returns false if there should be none.
func (a *aftermath) begin(file *os.File) bool {
	if a.owed <= 0 && (a.extra >= bytesAfterExit || a.waited >= waitAfterExit) {
		return false
	}
	a.since = time.Now()
	return file.SetReadDeadline(a.since.Add(quietAfterExit)) == nil
}

// took records the result of a read and returns whether to continue. A wait shorter than its deadline was woken by the
// exit itself; one that expired although bytes were available means that a busy computer began to read too late.
func (a *aftermath) took(from *outlet, n int, err error) bool {
	waited := time.Since(a.since)
	a.waited += waited
	if err != nil {
		return errors.Is(err, os.ErrDeadlineExceeded) && (waited < quietAfterExit || from.pending() > 0)
	}
	if a.owed > 0 {
		a.owed -= n
	} else {
		a.extra += n
	}
	return true
}
