package agent

import (
	"context"
	"log"
	"sync"
	"time"

	"sandkeep.dev/guest/internal/contract"
	"sandkeep.dev/guest/internal/fault"
	"sandkeep.dev/guest/internal/rpc"
)

// maxFreeze limits how long processes may be stopped without word from the host.
const maxFreeze = 5 * time.Minute

// Freezer stops all processes of the machine but the agent, and lets them go on.
type Freezer interface {
	Freeze() error
	Thaw() error
	Frozen() bool
}

// Freeze is a freezer with a timer, so that processes go on even if the host never says so.
//
// A copy of the machine finds the timer in its memory. It begins with a new connection, which stops the timer: from
// then on only the host lets processes go on, once the copy has its own identity.
type Freeze struct {
	Freezer Freezer
	mu      sync.Mutex
	timer   *time.Timer
}

func (f *Freeze) begin(after time.Duration) error {
	if f.Freezer == nil {
		return fault.TypeError("This agent cannot stop processes")
	}
	if after <= 0 || after > maxFreeze {
		return fault.TypeError("Invalid time: %s", after)
	}
	if err := f.Freezer.Freeze(); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stopTimer()
	f.timer = time.AfterFunc(after, func() {
		if err := f.end(); err != nil {
			log.Printf("processes stay stopped: %v", err)
		}
	})
	return nil
}

func (f *Freeze) end() error {
	f.hold()
	if f.Freezer == nil || !f.Freezer.Frozen() {
		return nil
	}
	return f.Freezer.Thaw()
}

// hold leaves the end of a freeze to the host.
func (f *Freeze) hold() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stopTimer()
}

func (f *Freeze) stopTimer() {
	if f.timer != nil {
		f.timer.Stop()
		f.timer = nil
	}
}

func (m *Machine) registerFreeze(r *rpc.Registry) {
	rpc.Call(r, "freezeProcesses", func(_ context.Context, p contract.FreezeProcessesParams) (rpc.Null, error) {
		return nil, m.Freeze.begin(time.Duration(p.ThawAfterMs) * time.Millisecond)
	})
	rpc.Call(r, "thawProcesses", func(context.Context, contract.None) (rpc.Null, error) {
		return nil, m.Freeze.end()
	})
	rpc.Call(r, "wake", func(_ context.Context, p contract.Moment) (rpc.Null, error) {
		if m.Wake != nil {
			if err := m.Wake(p); err != nil {
				return nil, err
			}
		}
		return nil, m.Freeze.end()
	})
}
