package rpc

import (
	"context"
	"io"
	"net/http"

	"sandkeep.dev/guest/internal/contract"
	"sandkeep.dev/guest/internal/fault"
)

// Exchange is one stream: a request body and a response body after their prefix messages.
type Exchange struct {
	ctx      context.Context
	body     io.Reader
	response http.ResponseWriter
	// maxHead limits the head in bytes.
	maxHead  int
	headSent bool
}

// Context ends when the host resets the stream or the connection ends.
func (x *Exchange) Context() context.Context { return x.ctx }

// Read reads what follows the params in the request.
func (x *Exchange) Read(p []byte) (int, error) { return x.body.Read(p) }

// Head sends the outcome's value. The bytes may be buffered until Flush.
func (x *Exchange) Head(value any) error { return x.sendHead(outcome{value: value}) }

// Write sends bytes after the head; it waits while the host's window is full.
func (x *Exchange) Write(p []byte) (int, error) { return x.response.Write(p) }

// Flush sends what has been written so far.
func (x *Exchange) Flush() error { return http.NewResponseController(x.response).Flush() }

func (x *Exchange) sendHead(o outcome) error {
	x.headSent = true
	head := o.appendTo(nil)
	// The host takes a longer one for an attack. Messages of errors can have names in them that the host has sent.
	if len(head) > x.maxHead {
		err := fault.WithCode("Error", "E2BIG", "The answer is longer than %d bytes", x.maxHead)
		if o.err == nil {
			x.headSent = false
			return err
		}
		head = outcome{err: err}.appendTo(nil)
	}
	_, err := x.response.Write(contract.AppendPrefix(nil, head))
	return err
}
