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
	Prepare() error
	Freeze() error
	Thaw() error
	Frozen() bool
}

// Starter starts processes, unless it is told to wait.
type Starter interface {
	HoldStarts()
	AllowStarts()
}

// Freeze is a freezer with a timer, so that processes go on even if the host never says so.
//
// A copy of the machine finds the timer in its memory. So it counts only while a host is there, which a copy has not at
// first; and a new connection stops it: from then on only the host lets processes go on, once the copy has its own
// identity. If the host is gone, the processes wait for the next one.
type Freeze struct {
	Freezer Freezer
	Starts  Starter
	// HostPresent returns whether a host is connected.
	HostPresent func() bool
	// turn is held while processes are being stopped or let go.
	turn  sync.Mutex
	mu    sync.Mutex
	timer *time.Timer
}

func (f *Freeze) begin(after time.Duration) error {
	if f.Freezer == nil {
		return fault.TypeError("This agent cannot stop processes")
	}
	if after <= 0 || after > maxFreeze {
		return fault.TypeError("Invalid time: %s", after)
	}
	f.turn.Lock()
	defer f.turn.Unlock()
	f.Starts.HoldStarts()
	if err := f.Freezer.Freeze(); err != nil {
		f.Starts.AllowStarts()
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stopTimer()
	f.timer = time.AfterFunc(after, f.timeIsUp)
	return nil
}

func (f *Freeze) timeIsUp() {
	if !f.HostPresent() {
		return
	}
	if err := f.end(); err != nil {
		log.Printf("processes stay stopped: %v", err)
	}
}

func (f *Freeze) end() error {
	f.hold()
	if f.Freezer == nil {
		return nil
	}
	f.turn.Lock()
	defer f.turn.Unlock()
	defer f.Starts.AllowStarts()
	if !f.Freezer.Frozen() {
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
		if m.Wake == nil {
			return nil, nil
		}
		return nil, m.Wake(p)
	})
}
