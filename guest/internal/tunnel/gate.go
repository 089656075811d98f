package tunnel

import (
	"context"
	"net"
	"sync"
)

// Gate returns the current session, or waits for one. The zero value has none.
type Gate struct {
	mu      sync.Mutex
	session *Session
	// changed is closed when a session begins; nil while nobody waits.
	changed chan struct{}
}

// Serve runs a session on the connection until it ends, together with its flows.
func (g *Gate) Serve(conn net.Conn) {
	session := newSession(conn, g.set)
	session.run()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.session == session {
		g.session = nil
	}
}

func (g *Gate) set(session *Session) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.session = session
	if g.changed != nil {
		close(g.changed)
		g.changed = nil
	}
}

// Session waits for a session that accepts new flows. It returns the context's error if that ends first.
func (g *Gate) Session(ctx context.Context) (*Session, error) {
	for {
		g.mu.Lock()
		if g.session != nil && g.session.open() {
			defer g.mu.Unlock()
			return g.session, nil
		}
		if g.changed == nil {
			g.changed = make(chan struct{})
		}
		changed := g.changed
		g.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
