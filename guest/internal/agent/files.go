package agent

import (
	"context"

	"sandkeep.dev/guest/internal/archive"
	"sandkeep.dev/guest/internal/contract"
	"sandkeep.dev/guest/internal/files"
	"sandkeep.dev/guest/internal/rpc"
)

func registerFiles(r *rpc.Registry) {
	rpc.Call(r, "readDir", func(_ context.Context, p contract.PathParams) ([]contract.DirEntry, error) {
		return files.ReadDir(p.Path)
	})
	rpc.Call(r, "remove", func(_ context.Context, p contract.RemoveParams) (rpc.Null, error) {
		return nil, files.Remove(p.Path, p.Recursive)
	})
	rpc.Call(r, "mkdir", func(_ context.Context, p contract.MkdirParams) (rpc.Null, error) {
		mode := uint32(0o777)
		if p.Mode != nil {
			mode = *p.Mode
		}
		return nil, files.Mkdir(p.Path, p.Recursive, mode)
	})
	rpc.Call(r, "rename", func(_ context.Context, p contract.RenameParams) (rpc.Null, error) {
		return nil, files.Rename(p.OldPath, p.NewPath)
	})
	rpc.Call(r, "stat", func(_ context.Context, p contract.PathParams) (*files.Info, error) {
		return files.Stat(p.Path)
	})
	rpc.Call(r, "lstat", func(_ context.Context, p contract.PathParams) (*files.Info, error) {
		return files.Lstat(p.Path)
	})
	rpc.Call(r, "chmod", func(_ context.Context, p contract.ChmodParams) (rpc.Null, error) {
		return nil, files.Chmod(p.Path, p.Mode)
	})
	rpc.Call(r, "chown", func(_ context.Context, p contract.ChownParams) (rpc.Null, error) {
		return nil, files.Chown(p.Path, p.UID, p.GID)
	})
	rpc.Call(r, "copyFile", func(_ context.Context, p contract.CopyParams) (rpc.Null, error) {
		return nil, files.Copy(p.FromPath, p.ToPath)
	})
	rpc.Call(r, "link", func(_ context.Context, p contract.LinkParams) (rpc.Null, error) {
		return nil, files.Link(p.Target, p.Path)
	})
	rpc.Call(r, "symlink", func(_ context.Context, p contract.LinkParams) (rpc.Null, error) {
		return nil, files.Symlink(p.Target, p.Path)
	})
	rpc.Call(r, "readLink", func(_ context.Context, p contract.PathParams) (string, error) {
		return files.ReadLink(p.Path)
	})
	rpc.Call(r, "realPath", func(_ context.Context, p contract.PathParams) (string, error) {
		return files.RealPath(p.Path)
	})
	rpc.Call(r, "makeTempDir", func(_ context.Context, p contract.TempParams) (string, error) {
		return files.MakeTempDir(p)
	})
	rpc.Call(r, "makeTempFile", func(_ context.Context, p contract.TempParams) (string, error) {
		return files.MakeTempFile(p)
	})
	rpc.Call(r, "truncate", func(_ context.Context, p contract.TruncateParams) (rpc.Null, error) {
		return nil, files.Truncate(p.Path, p.Length)
	})
	rpc.Call(r, "umask", func(_ context.Context, p contract.UmaskParams) (uint32, error) {
		return files.Umask(p.Mask), nil
	})
	rpc.Call(r, "utime", func(_ context.Context, p contract.UtimeParams) (rpc.Null, error) {
		return nil, files.Utime(p.Path, p.AtimeMs, p.MtimeMs)
	})
	rpc.Stream(r, "readFile", func(x *rpc.Exchange, p contract.PathParams) error {
		head := func(size int64) error { return x.Head(contract.FileSize{Size: size}) }
		return files.ReadFile(x.Context(), p.Path, head, x)
	})
	rpc.Stream(r, "writeFile", func(x *rpc.Exchange, p contract.WriteFileParams) error {
		if err := files.WriteFile(x.Context(), p, x); err != nil {
			return err
		}
		return x.Head(nil)
	})
	rpc.Stream(r, "readTree", func(x *rpc.Exchange, p contract.PathParams) error {
		return archive.Pack(x.Context(), p.Path, func() error { return x.Head(nil) }, x)
	})
	rpc.Stream(r, "writeTree", func(x *rpc.Exchange, p contract.PathParams) error {
		written, err := archive.Unpack(x.Context(), p.Path, x)
		if err != nil {
			return err
		}
		return x.Head(written)
	})
}
