// Package listen takes connections to TCP ports in the guest, for the host.
package listen

import (
	"context"
	"net"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"sandkeep.dev/guest/internal/contract"
	"sandkeep.dev/guest/internal/fault"
)

// maxOpen limits the listeners of a connection to the host.
const maxOpen = 256

// past is a deadline that is over.
var past = time.Unix(1, 0)

// Table holds the listeners of a connection to the host. The zero value is ready for use.
type Table struct {
	mu     sync.Mutex
	open   map[int64]*net.TCPListener
	last   int64
	closed bool
}

// Open listens on loopback, the only way into a guest. Port 0 is any free port.
func (t *Table) Open(port int) (contract.Listener, error) {
	if port < 0 || port > 65535 {
		return contract.Listener{}, fault.TypeError("Invalid port: %d", port)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || len(t.open) >= maxOpen {
		return contract.Listener{}, unix.EMFILE
	}
	// Disable keep-alive probes: they would wake an idle machine.
	config := net.ListenConfig{KeepAlive: -1}
	address := net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}
	listener, err := config.Listen(context.Background(), "tcp4", address.String())
	if err != nil {
		return contract.Listener{}, err
	}
	if t.open == nil {
		t.open = make(map[int64]*net.TCPListener)
	}
	t.last++
	t.open[t.last] = listener.(*net.TCPListener)
	return contract.Listener{Listener: t.last, Port: listener.Addr().(*net.TCPAddr).Port}, nil
}

// Accept waits for the next connection.
func (t *Table) Accept(ctx context.Context, number int64) (*net.TCPConn, error) {
	t.mu.Lock()
	listener, ok := t.open[number]
	t.mu.Unlock()
	if !ok {
		return nil, fault.BadResource()
	}
	_ = listener.SetDeadline(time.Time{})
	stop := context.AfterFunc(ctx, func() { _ = listener.SetDeadline(past) })
	defer stop()
	return listener.AcceptTCP()
}

// Close stops listening. Connections that nobody has accepted are reset.
func (t *Table) Close(number int64) {
	t.mu.Lock()
	listener, ok := t.open[number]
	delete(t.open, number)
	t.mu.Unlock()
	if ok {
		listener.Close()
	}
}

// CloseAll closes every listener; no more can be opened afterwards.
func (t *Table) CloseAll() {
	t.mu.Lock()
	open := t.open
	t.open, t.closed = nil, true
	t.mu.Unlock()
	for _, listener := range open {
		listener.Close()
	}
}
