package transport

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// absence is how long the host must be gone before the connection ends. The kernel reports connects on a different
// queue from the bytes, so just after a hello it may still report, late, that the previous host left.
const absence = 100 * time.Millisecond

// portConn is one connection on the port: from after the hello until the host leaves or sends another hello.
type portConn struct {
	noDeadlines
	port    *Port
	tracker tracker

	reading sync.Mutex
	// unread are bytes of the last read that the caller has not taken yet.
	unread []byte
	buffer [readBytes]byte
	over   bool // no more reads

	writing sync.Mutex
	left    bool // the port belongs to the next connection

	deadline sync.Mutex
	closing  bool // the deadline is in the past and stays there
}

// Read reads in units of the driver's buffers, which saves system calls, and passes each to the tracker.
func (c *portConn) Read(p []byte) (int, error) {
	c.reading.Lock()
	defer c.reading.Unlock()
	if len(c.unread) > 0 {
		n := copy(p, c.unread)
		c.unread = c.unread[n:]
		return n, nil
	}
	if c.over || len(p) == 0 {
		return 0, io.EOF
	}
	into := p
	if len(p) < readBytes {
		into = c.buffer[:]
	}
	n, err := c.readPresent(into)
	if err != nil {
		return 0, c.finish()
	}
	before, hello := c.tracker.scan(into[:n])
	if hello != nil {
		c.port.pending = append(hello, c.port.pending...)
		if err := c.finish(); before == 0 {
			return 0, err
		}
	}
	if len(p) >= readBytes {
		return before, nil
	}
	n = copy(p, into[:before])
	c.unread = into[n:before]
	return n, nil
}

// readPresent reads what the host sends, and fails once the host has been gone for longer than absence.
func (c *portConn) readPresent(to []byte) (int, error) {
	for {
		n, err := c.port.read(to, false)
		if err != io.EOF {
			return n, err
		}
		c.setReadDeadline(time.Now().Add(absence))
		n, err = c.port.read(to, true)
		if !c.setReadDeadline(time.Time{}) {
			return n, io.EOF
		}
		if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
		if !c.port.HostPresent() {
			return 0, io.EOF
		}
	}
}

// setReadDeadline does nothing and returns false once the connection is closed.
func (c *portConn) setReadDeadline(at time.Time) bool {
	c.deadline.Lock()
	defer c.deadline.Unlock()
	if !c.closing {
		_ = c.port.file.SetReadDeadline(at)
	}
	return !c.closing
}

// finish ends reading, and wakes a writer that waits for a host that is gone.
func (c *portConn) finish() error {
	c.over = true
	_ = c.Close()
	return io.EOF
}

func (c *portConn) Write(p []byte) (int, error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	if c.left {
		return 0, net.ErrClosed
	}
	return c.port.write(p)
}

// Close ends reads and writes, including blocked ones. The port itself stays open.
func (c *portConn) Close() error {
	c.deadline.Lock()
	defer c.deadline.Unlock()
	c.closing = true
	return c.port.file.SetDeadline(time.Unix(1, 0))
}

// end frees the port for the next connection: no call of this one is still running, and none can begin.
func (c *portConn) end() {
	_ = c.Close()
	c.reading.Lock()
	defer c.reading.Unlock()
	c.writing.Lock()
	defer c.writing.Unlock()
	c.over, c.left = true, true
	c.port.pending = append(c.unread, c.port.pending...)
	c.unread = nil
	_ = c.port.file.SetDeadline(time.Time{})
}
