package rpc

import (
	"bytes"
	"io"
	"log"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"

	"sandkeep.dev/guest/internal/contract"
	"sandkeep.dev/guest/internal/fault"
)

// Largest buffer kept for the next call; larger ones are garbage collected.
const maxPooledBytes = 64 * 1024

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// ServeHTTP answers POST /call/<method> and POST /stream/<method>.
func (r *Registry) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	header := w.Header()
	header["Date"] = nil // nobody reads it
	header["Content-Type"] = []string{"application/octet-stream"}
	if name, ok := strings.CutPrefix(request.URL.Path, "/call/"); ok {
		r.serveCall(w, request, name)
	} else if name, ok := strings.CutPrefix(request.URL.Path, "/stream/"); ok {
		r.serveStream(w, request, name)
	} else {
		w.WriteHeader(http.StatusNotFound)
	}
}

func (r *Registry) serveCall(w http.ResponseWriter, request *http.Request, name string) {
	buffer := buffers.Get().(*bytes.Buffer)
	buffer.Reset()
	defer func() {
		if buffer.Cap() <= maxPooledBytes {
			buffers.Put(buffer)
		}
	}()
	if _, err := buffer.ReadFrom(io.LimitReader(request.Body, contract.MaxCallBytes+1)); err != nil {
		panic(http.ErrAbortHandler)
	}
	result := r.runCall(request, name, buffer.Bytes())
	answer := result.appendTo(buffer.AvailableBuffer())
	if len(answer) > contract.MaxCallBytes {
		tooLong := fault.WithCode("Error", "E2BIG", "The result of %s is longer than %d bytes", name, contract.MaxCallBytes)
		answer = outcome{err: tooLong}.appendTo(nil)
	}
	_, _ = w.Write(answer)
}

func (r *Registry) runCall(request *http.Request, name string, params []byte) (result outcome) {
	run, known := r.calls[name]
	if !known {
		return outcome{err: fault.New("NotSupported", "Unknown call: %s", name)}
	}
	if len(params) > contract.MaxCallBytes {
		return outcome{err: fault.TypeError("Invalid params: longer than %d bytes", contract.MaxCallBytes)}
	}
	defer func() {
		if cause := recover(); cause != nil {
			result = outcome{err: broken(name, cause)}
		}
	}()
	return run(request.Context(), params)
}

func (r *Registry) serveStream(w http.ResponseWriter, request *http.Request, name string) {
	x := &Exchange{ctx: request.Context(), body: request.Body, response: w, maxHead: contract.MaxHead(name)}
	err := r.runStream(x, name)
	if err == nil {
		return
	}
	if x.ctx.Err() != nil {
		panic(http.ErrAbortHandler) // resets the HTTP/2 stream
	}
	if !x.headSent {
		_ = x.sendHead(outcome{err: err})
		return
	}
	w.Header().Set(http.TrailerPrefix+contract.FaultTrailer, contract.EncodeFault(fault.From(err)))
}

func (r *Registry) runStream(x *Exchange, name string) (err error) {
	run, known := r.streams[name]
	if !known {
		return fault.New("NotSupported", "Unknown stream: %s", name)
	}
	params, err := contract.ReadPrefix(x.body)
	if err != nil {
		return fault.TypeError("Invalid params: %s", err)
	}
	defer func() {
		if cause := recover(); cause != nil {
			err = broken(name, cause)
		}
	}()
	return run(x, params)
}

// broken logs a panic and turns it into an answer: the agent must survive its own bugs.
func broken(method string, cause any) error {
	log.Printf("%s panicked: %v\n%s", method, cause, debug.Stack())
	return fault.New("Error", "Internal error of the guest agent in %s: %v", method, cause)
}
