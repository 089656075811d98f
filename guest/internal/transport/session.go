// Package transport turns reconnecting byte streams (a virtio-serial port, a unix socket) into connections.
package transport

import (
	"io"
	"net"
	"time"

	"sandkeep.dev/guest/internal/contract"
)

// Handler serves one connection. It returns when the connection has ended.
type Handler func(net.Conn)

// Greet waits for the host's hello and answers it. It returns the bytes after the hello.
func greet(stream io.ReadWriter) (rest []byte, err error) {
	var scanner contract.HelloScanner
	buffer := make([]byte, readBytes)
	for {
		n, err := stream.Read(buffer)
		if nonce, after, found := scanner.Feed(buffer[:n]); found {
			return after, sendReady(stream, nonce)
		}
		if err != nil {
			return nil, err
		}
	}
}

// readBytes is the size of one read: that of virtio_console's buffers.
const readBytes = 4096

func sendReady(stream io.Writer, nonce [contract.NonceBytes]byte) error {
	_, err := stream.Write(append([]byte(contract.ReadyMagic), nonce[:]...))
	return err
}

// address is a placeholder: connections here have no address.
type address struct{}

func (address) Network() string { return "stream" }
func (address) String() string  { return "host" }

// noDeadlines and the methods below make a stream a net.Conn for an HTTP/2 server without timeouts.
type noDeadlines struct{}

func (noDeadlines) SetDeadline(time.Time) error      { return nil }
func (noDeadlines) SetReadDeadline(time.Time) error  { return nil }
func (noDeadlines) SetWriteDeadline(time.Time) error { return nil }
func (noDeadlines) LocalAddr() net.Addr              { return address{} }
func (noDeadlines) RemoteAddr() net.Addr             { return address{} }
