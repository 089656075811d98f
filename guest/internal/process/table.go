// Package process starts processes in their own groups, carries their input and output, and reaps them and every orphan
// of the machine.
package process

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"sandkeep.dev/guest/internal/contract"
	"sandkeep.dev/guest/internal/env"
	"sandkeep.dev/guest/internal/fault"
	"sandkeep.dev/guest/internal/oom"
)

const (
	// maxLive limits running processes; each costs the agent a few KiB and up to five descriptors.
	maxLive = 2048
	// maxEnded is how many exited processes are remembered for processWait.
	maxEnded = 1024
)

// Config sets the environment of processes.
type Config struct {
	Environment *env.Environment
	// Watch may be nil.
	Watch *oom.Watch
}

// Table holds the processes of the machine.
type Table struct {
	config Config
	null   *os.File
	// user is nil for the agent's own.
	user atomic.Pointer[syscall.Credential]
	gate gate

	// mu is held from before a fork until the child is registered, and while reaping, so that no exit is handled before
	// the child is known.
	mu    sync.Mutex
	live  map[int]*Process
	ended map[int]*Process
	order []*Process // exited, oldest first
}

// NewTable makes an empty table. Reap must run for exits to be noticed.
func NewTable(config Config) (*Table, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	return &Table{config: config, null: null, live: map[int]*Process{}, ended: map[int]*Process{}}, nil
}

// RunAs sets the user of processes started later.
func (t *Table) RunAs(user *syscall.Credential) {
	t.user.Store(user)
}

// Reap waits for children and orphans until the context ends. Only one may run in a program.
func (t *Table) Reap(ctx context.Context) {
	exits := make(chan os.Signal, 1)
	signal.Notify(exits, unix.SIGCHLD)
	defer signal.Stop(exits)
	for {
		for t.reapOne() {
		}
		select {
		case <-ctx.Done():
			return
		case <-exits:
		}
	}
}

// reapOne returns whether there may be another.
func (t *Table) reapOne() bool {
	var status unix.WaitStatus
	t.mu.Lock()
	pid, err := unix.Wait4(-1, &status, unix.WNOHANG, nil)
	if err == unix.EINTR {
		t.mu.Unlock()
		return true
	}
	if err != nil || pid <= 0 {
		t.mu.Unlock()
		return false
	}
	p := t.live[pid]
	if p != nil {
		delete(t.live, pid)
		t.remember(p)
	}
	t.mu.Unlock()
	if p != nil {
		p.finish(exitStatus(p, status, t.config.Watch))
	}
	return true
}

// remember keeps an exited process; the caller holds the lock.
func (t *Table) remember(p *Process) {
	if len(t.order) == maxEnded {
		oldest := t.order[0]
		t.order[0] = nil
		t.order = t.order[1:]
		if t.ended[oldest.pid] == oldest {
			delete(t.ended, oldest.pid)
		}
	}
	t.order = append(t.order, p)
	t.ended[p.pid] = p
}

// Forget removes the exited processes: what ran before a machine had its identity is nothing to its user.
func (t *Table) Forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.ended)
	t.order = nil
}

// find returns a running or remembered process.
func (t *Table) find(pid int) (*Process, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p := t.live[pid]; p != nil {
		return p, nil
	}
	if p := t.ended[pid]; p != nil {
		return p, nil
	}
	return nil, noProcess(pid)
}

// Wait waits for the exit, or for the end of the context.
func (t *Table) Wait(ctx context.Context, pid int) (*contract.ExitStatus, error) {
	p, err := t.find(pid)
	if err != nil {
		return nil, err
	}
	select {
	case <-p.done:
		return p.exit, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Kill signals the process's group, or the process alone if it has left its group.
func (t *Table) Kill(pid int, name string) error {
	signal, err := parseSignal(name)
	if err != nil {
		return err
	}
	t.mu.Lock() // prevents reaping, so that the PID cannot be reused before the kill
	defer t.mu.Unlock()
	if t.live[pid] == nil {
		return noProcess(pid)
	}
	err = unix.Kill(-pid, signal)
	if err == unix.ESRCH {
		err = unix.Kill(pid, signal)
	}
	if err == unix.ESRCH {
		return noProcess(pid)
	}
	if err != nil {
		return fault.From(err)
	}
	return nil
}

// CloseOutput removes an output's reader: a running process sees a closed pipe when it prints, and a terminal hangs up.
func (t *Table) CloseOutput(pid int, name string) error {
	kind, ok := map[string]byte{"stdout": contract.FrameStdout, "stderr": contract.FrameStderr}[name]
	if !ok {
		return fault.TypeError("Invalid output: %s", name)
	}
	t.mu.Lock()
	p := t.live[pid]
	t.mu.Unlock()
	if p == nil {
		return noProcess(pid)
	}
	p.output.close(kind)
	return nil
}

// Resize gives the process's terminal its size.
func (t *Table) Resize(pid, cols, rows int) error {
	p, err := t.find(pid)
	if err != nil {
		return err
	}
	if p.terminal == nil {
		return fault.TypeError("Process %d has no terminal", pid)
	}
	return resize(p.terminal, cols, rows)
}

// List describes running and remembered processes.
func (t *Table) List() []contract.ProcessInfo {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := make([]contract.ProcessInfo, 0, len(t.live)+len(t.order))
	for _, p := range t.order {
		list = append(list, p.info())
	}
	for _, p := range t.live {
		list = append(list, p.info())
	}
	return list
}

func noProcess(pid int) error {
	return fault.WithCode("TypeError", "ENOENT", "Child process has already terminated: no process %d", pid)
}
