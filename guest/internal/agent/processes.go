package agent

import (
	"context"

	"sandkeep.dev/guest/internal/contract"
	"sandkeep.dev/guest/internal/guard"
	"sandkeep.dev/guest/internal/process"
	"sandkeep.dev/guest/internal/rpc"
)

func (m *Machine) registerProcesses(r *rpc.Registry) {
	rpc.Stream(r, "spawn", func(x *rpc.Exchange, p contract.SpawnParams) error {
		child, sink, err := m.Processes.Spawn(x.Context(), p)
		if err != nil {
			return err
		}
		return follow(x, child, sink)
	})
	rpc.Stream(r, "attach", func(x *rpc.Exchange, p contract.Pid) error {
		child, sink, err := m.Processes.Attach(p.Pid)
		if err != nil {
			return err
		}
		return follow(x, child, sink)
	})
	rpc.Call(r, "processWait", func(ctx context.Context, p contract.Pid) (*contract.ExitStatus, error) {
		return m.Processes.Wait(ctx, p.Pid)
	})
	rpc.Call(r, "processKill", func(_ context.Context, p contract.KillParams) (rpc.Null, error) {
		return nil, m.Processes.Kill(p.Pid, p.Signal)
	})
	rpc.Call(r, "processCloseOutput", func(_ context.Context, p contract.CloseOutputParams) (rpc.Null, error) {
		return nil, m.Processes.CloseOutput(p.Pid, p.Output)
	})
	rpc.Call(r, "processResize", func(_ context.Context, p contract.ResizeParams) (rpc.Null, error) {
		return nil, m.Processes.Resize(p.Pid, p.Cols, p.Rows)
	})
	rpc.Call(r, "processList", func(context.Context, contract.None) ([]contract.ProcessInfo, error) {
		return m.Processes.List(), nil
	})
}

// follow copies frames in both directions until the process and its outputs have ended, or the host detaches.
func follow(x *rpc.Exchange, child *process.Process, sink *process.Sink) error {
	if err := x.Head(contract.Pid{Pid: child.Pid()}); err != nil {
		sink.Detach()
		child.Forsaken()
		return err
	}
	if child.TakesInput() {
		guard.Go("input", func() { _ = child.Feed(x) })
	}
	err := sink.CopyTo(x, x.Context().Done())
	if err != nil {
		child.Forsaken()
	}
	return err
}
