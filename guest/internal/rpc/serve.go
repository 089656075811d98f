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
	// Windows into which the host may send without waiting. Memory is taken only by bytes that really arrived and that
	// nobody read yet, such as input for a process that does not read its stdin. The connection's window is much larger
	// than a stream's, so that a hundred such processes cannot stop everything else.
	uploadPerStream     = 1 << 20
	uploadPerConnection = 128 << 20
	maxReadFrame        = 1 << 20
	// Streams at a time. Every process that is followed holds one. In the worst case, a file system that hangs, each
	// also holds a thread, of which the runtime allows 10,000.
	maxStreams = 4096
)

// Serve speaks HTTP/2 on the connection until it ends.
func Serve(conn net.Conn, registry *Registry) {
	ctx, cancel := context.WithCancel(context.Background())
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
