package agent

import (
	"context"

	"sandkeep.dev/guest/internal/contract"
	"sandkeep.dev/guest/internal/files"
	"sandkeep.dev/guest/internal/handles"
	"sandkeep.dev/guest/internal/rpc"
)

func registerHandles(r *rpc.Registry) {
	open := func(ctx context.Context) *handles.Table { return &belongingsOf(ctx).files }
	rpc.Call(r, "open", func(ctx context.Context, p contract.OpenParams) (contract.Handle, error) {
		handle, err := open(ctx).Open(p)
		return contract.Handle{Handle: handle}, err
	})
	simple := func(method string, run func(open *handles.Table, handle int64) error) {
		rpc.Call(r, method, func(ctx context.Context, p contract.Handle) (rpc.Null, error) {
			return nil, run(open(ctx), p.Handle)
		})
	}
	simple("fileClose", (*handles.Table).Close)
	simple("fileSync", (*handles.Table).Sync)
	simple("fileSyncData", (*handles.Table).SyncData)
	simple("fileUnlock", (*handles.Table).Unlock)
	rpc.Call(r, "fileLock", func(ctx context.Context, p contract.LockParams) (rpc.Null, error) {
		return nil, open(ctx).Lock(ctx, p.Handle.Handle, p.Exclusive)
	})
	rpc.Call(r, "fileSeek", func(ctx context.Context, p contract.SeekParams) (contract.Position, error) {
		position, err := open(ctx).SeekTo(p.Handle.Handle, p.Offset, p.Whence)
		return contract.Position{Position: position}, err
	})
	rpc.Call(r, "fileStat", func(ctx context.Context, p contract.Handle) (*files.Info, error) {
		return open(ctx).Stat(p.Handle)
	})
	rpc.Call(r, "fileTruncate", func(ctx context.Context, p contract.HandleTruncateParams) (rpc.Null, error) {
		return nil, open(ctx).Truncate(p.Handle.Handle, p.Length)
	})
	rpc.Call(r, "fileUtime", func(ctx context.Context, p contract.HandleUtimeParams) (rpc.Null, error) {
		return nil, open(ctx).Utime(p.Handle.Handle, p.AtimeMs, p.MtimeMs)
	})
	rpc.Stream(r, "fileRead", func(x *rpc.Exchange, p contract.ReadParams) error {
		// The head waits for the first bytes, so that a failing read can still be reported in it.
		out := &headFirst{x: x}
		if err := open(x.Context()).Read(x.Context(), p.Handle.Handle, p.Length, out); err != nil {
			return err
		}
		return out.head()
	})
	rpc.Stream(r, "fileWrite", func(x *rpc.Exchange, p contract.Handle) error {
		written, err := open(x.Context()).Write(x.Context(), p.Handle, x)
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
