package process

import (
	"context"
	"sync"
)

// gate holds back new processes while the machine's processes are stopped. A process that is being started would
// otherwise be missed, or be stopped between its fork and its exec, where the agent's thread waits for it.
type gate struct {
	// mu is held for reading while a process is started.
	mu sync.RWMutex
	// opened is closed when the gate opens; nil while it is open.
	opened chan struct{}
}

// enter waits until processes may start, or for the end of the context. If it returns nil, leave must be called.
func (g *gate) enter(ctx context.Context) error {
	for {
		// First: in a copy of the machine, the requests of its parent's connection have ended.
		if err := ctx.Err(); err != nil {
			return err
		}
		g.mu.RLock()
		opened := g.opened
		if opened == nil {
			return nil
		}
		g.mu.RUnlock()
		select {
		case <-opened:
		case <-ctx.Done():
		}
	}
}

func (g *gate) leave() { g.mu.RUnlock() }

// HoldStarts lets no process start until AllowStarts. When it returns, none is being started.
func (t *Table) HoldStarts() {
	t.gate.mu.Lock()
	defer t.gate.mu.Unlock()
	if t.gate.opened == nil {
		t.gate.opened = make(chan struct{})
	}
}

// AllowStarts ends what HoldStarts has begun, if it has.
func (t *Table) AllowStarts() {
	t.gate.mu.Lock()
	defer t.gate.mu.Unlock()
	if t.gate.opened != nil {
		close(t.gate.opened)
		t.gate.opened = nil
	}
}
