package main

import (
	"bytes"
	"io"
	"net"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"sandkeep.dev/guest/internal/tunnel"
)

// bufferBytes is how much a connection holds for its reader, like a connection in a machine.
const bufferBytes = 1 << 20

// connection is a flow as a [net.Conn], without deadlines. What is written is not limited: it is requests.
type connection struct {
	stream *tunnel.Stream

	mu       sync.Mutex
	readable *sync.Cond
	in, out  bytes.Buffer
	full     bool  // a push did not take everything
	err      error // of reads once the buffer is empty
}

func newConnection(stream *tunnel.Stream) *connection {
	c := &connection{stream: stream}
	c.readable = sync.NewCond(&c.mu)
	return c
}

func (c *connection) Read(p []byte) (int, error) {
	c.mu.Lock()
	for c.in.Len() == 0 && c.err == nil {
		c.readable.Wait()
	}
	if c.in.Len() == 0 {
		defer c.mu.Unlock()
		return 0, c.err
	}
	n, _ := c.in.Read(p)
	hasRoom := c.full && c.in.Len() <= bufferBytes/2
	c.full = c.full && !hasRoom
	c.mu.Unlock()
	if hasRoom {
		c.stream.Writable()
	}
	return n, nil
}

func (c *connection) Write(p []byte) (int, error) {
	c.mu.Lock()
	n, _ := c.out.Write(p)
	c.mu.Unlock()
	c.stream.Readable()
	return n, nil
}

// Close resets the flow: there is nothing that the other end still needs.
func (c *connection) Close() error {
	c.fail(net.ErrClosed)
	c.stream.Reset()
	return nil
}

func (c *connection) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = err
	}
	c.readable.Broadcast()
}

func (c *connection) LocalAddr() net.Addr              { return address{} }
func (c *connection) RemoteAddr() net.Addr             { return address{} }
func (c *connection) SetDeadline(time.Time) error      { return nil }
func (c *connection) SetReadDeadline(time.Time) error  { return nil }
func (c *connection) SetWriteDeadline(time.Time) error { return nil }

// address is a placeholder: only the proxy knows addresses.
type address struct{}

func (address) Network() string { return "flow" }
func (address) String() string  { return "flow" }

// flow is the connection's other side; see [tunnel.Flow].
type flow struct{ *connection }

func (f flow) Pull(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.out.Len() == 0 {
		return 0, nil
	}
	return f.out.Read(p)
}

func (f flow) Push(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(p) == 0 {
		return 0, nil
	}
	n, _ := f.in.Write(p[:min(len(p), bufferBytes-f.in.Len())])
	f.full = n < len(p)
	f.readable.Signal()
	return n, nil
}

func (f flow) End()   { f.fail(io.EOF) }
func (f flow) Close() { f.fail(io.EOF) }
func (f flow) Reset() { f.fail(unix.ECONNRESET) }
