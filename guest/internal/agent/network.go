package agent

import (
	"sandkeep.dev/guest/internal/contract"
	"sandkeep.dev/guest/internal/dial"
	"sandkeep.dev/guest/internal/fetch"
	"sandkeep.dev/guest/internal/files"
	"sandkeep.dev/guest/internal/rpc"
)

func registerNetwork(r *rpc.Registry) {
	rpc.Stream(r, "dial", func(x *rpc.Exchange, p contract.DialParams) error {
		conn, err := dial.Connect(x.Context(), p)
		if err != nil {
			return err
		}
		if err := x.Head(nil); err != nil {
			conn.Close()
			return err
		}
		if err := x.Flush(); err != nil {
			conn.Close()
			return err
		}
		return dial.Splice(x.Context(), conn, x, x)
	})
	rpc.Stream(r, "fetch", func(x *rpc.Exchange, p contract.FetchParams) error {
		response, err := fetch.Do(x.Context(), p, x)
		if err != nil {
			return err
		}
		if response.Body != nil {
			defer response.Body.Close()
		}
		if err := x.Head(response.Head); err != nil {
			return err
		}
		if err := x.Flush(); err != nil || response.Body == nil {
			return err
		}
		return files.CopyPromptly(x, response.Body)
	})
}
