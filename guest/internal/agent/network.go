package agent

import (
	"net"

	"sandkeep.dev/guest/internal/contract"
	"sandkeep.dev/guest/internal/dial"
	"sandkeep.dev/guest/internal/fetch"
	"sandkeep.dev/guest/internal/files"
	"sandkeep.dev/guest/internal/listen"
	"sandkeep.dev/guest/internal/rpc"
)

func registerNetwork(r *rpc.Registry) {
	listeners := func(x *rpc.Exchange) *listen.Table { return &belongingsOf(x.Context()).listeners }
	rpc.Stream(r, "dial", func(x *rpc.Exchange, p contract.DialParams) error {
		conn, err := dial.Connect(x.Context(), p)
		if err != nil {
			return err
		}
		return join(x, conn, nil)
	})
	rpc.Stream(r, "listen", func(x *rpc.Exchange, p contract.ListenParams) error {
		own := listeners(x)
		opened, err := own.Open(p.Port)
		if err != nil {
			return err
		}
		defer own.Close(opened.Listener)
		if err := x.Head(opened); err != nil {
			return err
		}
		if err := x.Flush(); err != nil {
			return err
		}
		<-x.Context().Done()
		return x.Context().Err()
	})
	rpc.Stream(r, "accept", func(x *rpc.Exchange, p contract.AcceptParams) error {
		conn, err := listeners(x).Accept(x.Context(), p.Listener)
		if err != nil {
			return err
		}
		from := conn.RemoteAddr().(*net.TCPAddr)
		return join(x, conn, contract.Peer{Host: from.IP.String(), Port: from.Port})
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

// join sends the head and then passes bytes between the host and a connection.
func join(x *rpc.Exchange, conn dial.Conn, head any) error {
	if err := x.Head(head); err != nil {
		conn.Close()
		return err
	}
	if err := x.Flush(); err != nil {
		conn.Close()
		return err
	}
	return dial.Splice(x.Context(), conn, x, x)
}
