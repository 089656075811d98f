package dial

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sandkeep.dev/guest/internal/contract"
	"sandkeep.dev/guest/internal/fault"
)

// patience limits every wait in these tests.
const patience = 10 * time.Second

// listen serves one connection and returns its port.
func listen(t *testing.T, network, address string, serve func(*net.TCPConn)) int {
	t.Helper()
	listener, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		conn, err := listener.Accept()
		if err == nil {
			serve(conn.(*net.TCPConn))
			conn.Close()
		}
	}()
	return listener.Addr().(*net.TCPAddr).Port
}

// host is the host's end of a stream: what it sends and what it has received.
type host struct {
	io.Reader
	mu       sync.Mutex
	received bytes.Buffer
}

func (h *host) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.received.Write(p)
}

func (h *host) Flush() error { return nil }

func TestBytesPassBothWaysWithHalfClose(t *testing.T) {
	port := listen(t, "tcp4", "127.0.0.1:0", func(conn *net.TCPConn) {
		all, _ := io.ReadAll(conn) // ends only when the host half-closes
		_, _ = conn.Write([]byte(strings.ToUpper(string(all))))
	})
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := Connect(ctx, contract.DialParams{Port: port})
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Repeat("content ", 100_000)
	h := &host{Reader: strings.NewReader(text)}
	if err := Splice(ctx, conn, h, h); err != nil {
		t.Fatal(err)
	}
	if h.received.String() != strings.ToUpper(text) {
		t.Fatalf("%d bytes", h.received.Len())
	}
}

func TestTheEndOfTheContextClosesTheConnection(t *testing.T) {
	closed := make(chan struct{})
	port := listen(t, "tcp4", "127.0.0.1:0", func(conn *net.TCPConn) {
		_, _ = io.ReadAll(conn)
		close(closed)
	})
	ctx, cancel := context.WithCancel(context.Background())
	conn, err := Connect(ctx, contract.DialParams{Port: port, Host: "127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	silent, _ := io.Pipe()
	ended := make(chan error, 1)
	go func() { h := &host{Reader: silent}; ended <- Splice(ctx, conn, h, h) }()
	cancel()
	<-ended
	select {
	case <-closed:
	case <-time.After(patience):
		t.Fatal("the connection is still open")
	}
}

func TestAServerOnIPv6OnlyIsReached(t *testing.T) {
	port := listen(t, "tcp6", "[::1]:0", func(*net.TCPConn) {})
	conn, err := Connect(context.Background(), contract.DialParams{Port: port})
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
}

func TestAUnixSocketIsReachedByItsPath(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		conn, err := listener.Accept()
		if err == nil {
			all, _ := io.ReadAll(conn)
			_, _ = conn.Write([]byte(strings.ToUpper(string(all))))
			conn.Close()
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := Connect(ctx, contract.DialParams{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	h := &host{Reader: strings.NewReader("content")}
	if err := Splice(ctx, conn, h, h); err != nil || h.received.String() != "CONTENT" {
		t.Fatal(h.received.String(), err)
	}
	for path, code := range map[string]string{
		filepath.Join(t.TempDir(), "none"): "ENOENT",
		strings.Repeat("/x", 100):          "EINVAL",
		"@abstract":                        "",
		"relative":                         "",
	} {
		if conn, err := Connect(ctx, contract.DialParams{Path: path}); err == nil || fault.From(err).Code != code {
			t.Errorf("%s: %v, %+v", path, conn, fault.From(err))
		}
	}
}

func TestARefusalIsTheKernels(t *testing.T) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	listener.Close()
	_, err = Connect(context.Background(), contract.DialParams{Port: port})
	if f := fault.From(err); f.Class != "ConnectionRefused" || f.Code != "ECONNREFUSED" {
		t.Fatalf("%+v", f)
	}
	for _, port := range []int{0, -1, 65536} {
		_, err := Connect(context.Background(), contract.DialParams{Port: port})
		var f *fault.Fault
		if !errors.As(err, &f) || f.Class != "TypeError" {
			t.Fatal(err)
		}
	}
}
