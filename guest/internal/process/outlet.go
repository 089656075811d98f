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

// How long an output is carried after its process has ended, if others hold it open. All that the process itself had
// printed is carried, however slow the reader. The rest is for what the process printed through another one, as with
// `exec > >(tee log)`; a job in the background may print for ever.
const (
	// quietAfterExit without a byte is the end.
	quietAfterExit = 100 * time.Millisecond
	// waitAfterExit bounds all such waits together.
	waitAfterExit = time.Second
	// bytesAfterExit bounds what is carried besides: as much as the largest pipe of an ordinary user holds.
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

// carry delivers what is printed until the output ends or is closed, or the process is over and has had its due.
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

// discard reads until the output ends.
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

// next waits for bytes until the file's deadline. The buffer, with room for a frame's header, is lent only when there are
// some: an idle output must not hold one.
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
		return nil, 0, err // a terminal whose last user is gone fails with EIO
	case n <= 0:
		return nil, 0, io.EOF
	}
	return lent, n, nil
}

// pending is how many bytes wait to be read.
func (o *outlet) pending() (n int) {
	_ = o.raw.Control(func(fd uintptr) { n, _ = unix.IoctlGetInt(int(fd), unix.TIOCINQ) }) // FIONREAD, by its other name
	return n
}

// aftermath is the account of an output whose process has ended.
type aftermath struct {
	owed   int // bytes that were printed before
	extra  int // bytes carried besides
	waited time.Duration
	since  time.Time
}

// begin sets the deadline for the next read, or says that there is to be none.
func (a *aftermath) begin(file *os.File) bool {
	if a.owed <= 0 && (a.extra >= bytesAfterExit || a.waited >= waitAfterExit) {
		return false
	}
	a.since = time.Now()
	return file.SetReadDeadline(a.since.Add(quietAfterExit)) == nil
}

// took notes what a read gave, and says whether to go on. A wait that was shorter than its deadline is the news of the
// exit itself; one that passed while bytes were there is a busy computer's, which began to read too late.
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
