package agent

import (
	"context"

	"sandkeep.dev/guest/internal/contract"
	"sandkeep.dev/guest/internal/files"
	"sandkeep.dev/guest/internal/handles"
	"sandkeep.dev/guest/internal/rpc"
)

func registerHandles(r *rpc.Registry, open *handles.Table) {
	rpc.Call(r, "open", func(_ context.Context, p contract.OpenParams) (contract.Handle, error) {
		handle, err := open.Open(p)
		return contract.Handle{Handle: handle}, err
	})
	simple := func(method string, run func(handle int64) error) {
		rpc.Call(r, method, func(_ context.Context, p contract.Handle) (rpc.Null, error) { return nil, run(p.Handle) })
	}
	simple("fileClose", open.Close)
	simple("fileSync", open.Sync)
	simple("fileSyncData", open.SyncData)
	simple("fileUnlock", open.Unlock)
	rpc.Call(r, "fileLock", func(ctx context.Context, p contract.LockParams) (rpc.Null, error) {
		return nil, open.Lock(ctx, p.Handle.Handle, p.Exclusive)
	})
	rpc.Call(r, "fileSeek", func(_ context.Context, p contract.SeekParams) (contract.Position, error) {
		position, err := open.SeekTo(p.Handle.Handle, p.Offset, p.Whence)
		return contract.Position{Position: position}, err
	})
	rpc.Call(r, "fileStat", func(_ context.Context, p contract.Handle) (*files.Info, error) {
		return open.Stat(p.Handle)
	})
	rpc.Call(r, "fileTruncate", func(_ context.Context, p contract.HandleTruncateParams) (rpc.Null, error) {
		return nil, open.Truncate(p.Handle.Handle, p.Length)
	})
	rpc.Call(r, "fileUtime", func(_ context.Context, p contract.HandleUtimeParams) (rpc.Null, error) {
		return nil, open.Utime(p.Handle.Handle, p.AtimeMs, p.MtimeMs)
	})
	rpc.Stream(r, "fileRead", func(x *rpc.Exchange, p contract.ReadParams) error {
		// The head waits for the first bytes, so that a failing read can still be reported in it.
		out := &headFirst{x: x}
		if err := open.Read(x.Context(), p.Handle.Handle, p.Length, out); err != nil {
			return err
		}
		return out.head()
	})
	rpc.Stream(r, "fileWrite", func(x *rpc.Exchange, p contract.Handle) error {
		written, err := open.Write(x.Context(), p.Handle, x)
		if err != nil {
			return err
		}
		return x.Head(contract.Written{BytesWritten: written})
	})
}

// headFirst sends an empty head before the first bytes.
type headFirst struct {
	x    *rpc.Exchange
	sent bool
}

func (h *headFirst) head() error {
	if h.sent {
		return nil
	}
	h.sent = true
	return h.x.Head(nil)
}

func (h *headFirst) Write(p []byte) (int, error) {
	if err := h.head(); err != nil {
		return 0, err
	}
	return h.x.Write(p)
}
