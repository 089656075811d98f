// Package dial connects a stream from the host to a TCP port or a Unix socket in the guest.
package dial

import (
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"sandkeep.dev/guest/internal/contract"
	"sandkeep.dev/guest/internal/fault"
	"sandkeep.dev/guest/internal/files"
	"sandkeep.dev/guest/internal/guard"
	"sandkeep.dev/guest/internal/privilege"
)

// timeout limits connecting; on loopback the kernel answers at once.
const timeout = 30 * time.Second

// loopback addresses are tried when no host is given.
var loopback = []string{"127.0.0.1", "::1"}

// Conn is a connection each of whose directions ends by itself.
type Conn interface {
	net.Conn
	syscall.Conn
	CloseWrite() error
}

// Connect opens the connection.
func Connect(ctx context.Context, p contract.DialParams) (Conn, error) {
	if p.Path != "" {
		return socket(ctx, p.Path)
	}
	conn, err := port(ctx, p)
	if err != nil {
		return nil, err
	}
	return conn, nil
}

// socket connects to a Unix socket as the user: the kernel allows that whoever may write to its file, and tells the server who it is. Go would take a path that begins with @ for one
// that has no file.
func socket(ctx context.Context, path string) (Conn, error) {
	if !filepath.IsAbs(path) {
		return nil, fault.TypeError("Invalid path of a socket: it is not absolute")
	}
	dialer := net.Dialer{Timeout: timeout}
	var conn net.Conn
	err := privilege.AsUser(func() (err error) {
		conn, err = dialer.DialContext(ctx, "unix", path)
		return err
	})
	if err != nil {
		return nil, err
	}
	return conn.(*net.UnixConn), nil
}

func port(ctx context.Context, p contract.DialParams) (*net.TCPConn, error) {
	if p.Port < 1 || p.Port > 65535 {
		return nil, fault.TypeError("Invalid port: %d", p.Port)
	}
	if p.Host != "" {
		return connect(ctx, p.Host, p.Port)
	}
	return Loopback(ctx, p.Port)
}

// Loopback connects to a loopback port, over IPv4 or IPv6.
func Loopback(ctx context.Context, port int) (conn *net.TCPConn, err error) {
	var first error
	for _, host := range loopback {
		conn, err = connect(ctx, host, port)
		if err == nil {
			return conn, nil
		}
		if first == nil {
			first = err
		}
		if !errors.Is(err, syscall.ECONNREFUSED) {
			break
		}
	}
	return nil, first
}

func connect(ctx context.Context, host string, port int) (*net.TCPConn, error) {
	// Disable keep-alive probes: they would wake an idle machine.
	dialer := net.Dialer{Timeout: timeout, KeepAlive: -1}
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return nil, err
	}
	return conn.(*net.TCPConn), nil
}

// Splice copies bytes in both directions until the guest's side ends. When the host's bytes end, it half-closes the
// connection.
func Splice(ctx context.Context, conn Conn, from io.Reader, to files.FlushWriter) error {
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	guard.Go("dial", func() {
		if err := copyBuffered(conn, from); err != nil {
			conn.Close() // the host reset its side, or the guest stopped reading
			return
		}
		_ = conn.CloseWrite()
	})
	return copyAvailable(to, conn)
}

func copyBuffered(to io.Writer, from io.Reader) error {
	lent := files.Buffer()
	defer files.Release(lent)
	_, err := io.CopyBuffer(struct{ io.Writer }{to}, struct{ io.Reader }{from}, *lent)
	return err
}

var buffers = sync.Pool{New: func() any {
	buffer := make([]byte, 64*1024)
	return &buffer
}}

// copyAvailable forwards each piece as soon as it arrives. It holds no buffer while idle.
func copyAvailable(to files.FlushWriter, conn Conn) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	for {
		var (
			lent *[]byte
			n    int
		)
		waitErr := raw.Read(func(fd uintptr) bool {
			lent = buffers.Get().(*[]byte)
			if n, err = syscall.Read(int(fd), *lent); err == syscall.EAGAIN || err == syscall.EINTR {
				buffers.Put(lent)
				return false
			}
			return true
		})
		if waitErr != nil {
			return waitErr
		}
		if n > 0 {
			if _, err = to.Write((*lent)[:n]); err == nil {
				err = to.Flush()
			}
		}
		buffers.Put(lent)
		if err != nil || n <= 0 {
			return err
		}
	}
}
