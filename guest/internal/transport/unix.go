package transport

import (
	"net"
	"os"
)

// ListenUnix serves one connection at a time on a unix socket, exactly as on the serial port, for development and tests
// without a virtual machine. It returns when the listener fails.
func ListenUnix(path string, serve Handler) error {
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return err
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	defer listener.Close()
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		ServeSocket(conn, serve)
	}
}

// ServeSocket greets and serves a single connection.
func ServeSocket(conn net.Conn, serve Handler) {
	defer conn.Close()
	rest, err := greet(conn)
	if err != nil {
		return
	}
	serve(&socketConn{Conn: conn, pending: rest})
}

// socketConn returns the bytes that followed the hello before reading more.
type socketConn struct {
	net.Conn
	pending []byte
}

func (c *socketConn) Read(p []byte) (int, error) {
	if len(c.pending) > 0 {
		n := copy(p, c.pending)
		c.pending = c.pending[n:]
		return n, nil
	}
	return c.Conn.Read(p)
}
