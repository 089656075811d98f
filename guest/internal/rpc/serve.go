package rpc

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"

	"golang.org/x/net/http2"
)

const (
	// Flow-control windows granted to the host. They use memory only for bytes that have arrived and were not read yet,
	// such as input for a process that does not read its stdin. The connection's window is much larger than a stream's,
	// so that a hundred such processes cannot stall everything else.
	uploadPerStream     = 1 << 20
	uploadPerConnection = 128 << 20
	maxReadFrame        = 1 << 20
	// Maximum number of concurrent streams. Every process being followed holds one. In the worst case, a hanging file
	// system, each also holds a thread, and the runtime allows 10,000.
	maxStreams = 4096
)

// Serve speaks HTTP/2 on the connection until it ends. The contexts of calls have the values of the given one.
func Serve(ctx context.Context, conn net.Conn, registry *Registry) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	server := &http2.Server{
		MaxConcurrentStreams:         maxStreams,
		MaxReadFrameSize:             maxReadFrame,
		MaxUploadBufferPerStream:     uploadPerStream,
		MaxUploadBufferPerConnection: uploadPerConnection,
	}
	server.ServeConn(conn, &http2.ServeConnOpts{
		Context:    ctx,
		BaseConfig: &http.Server{ErrorLog: log.New(io.Discard, "", 0)},
		Handler:    registry,
	})
}
