// Package rpc carries the contract's calls and streams over HTTP/2.
package rpc

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"

	"sandkeep.dev/guest/internal/fault"
)

// Null is the result of a method that returns null. It is always nil.
type Null = *struct{}

// Registry holds the methods of one connection.
type Registry struct {
	calls   map[string]func(ctx context.Context, params []byte) outcome
	streams map[string]func(x *Exchange, params []byte) error
	methods map[string]Method
}

// Method describes a call or a stream.
type Method struct {
	Name   string
	Params reflect.Type
	// Result is nil for a stream, which sends its head itself.
	Result reflect.Type
}

// NewRegistry makes an empty one.
func NewRegistry() *Registry {
	return &Registry{
		calls:   make(map[string]func(context.Context, []byte) outcome),
		streams: make(map[string]func(*Exchange, []byte) error),
		methods: make(map[string]Method),
	}
}

// Call registers a call. Its context ends when the host resets the HTTP/2 stream.
func Call[P, R any](r *Registry, method string, run func(context.Context, P) (R, error)) {
	r.methods[method] = Method{method, reflect.TypeFor[P](), reflect.TypeFor[R]()}
	r.calls[method] = func(ctx context.Context, raw []byte) outcome {
		var params P
		if err := decode(raw, &params); err != nil {
			return outcome{err: err}
		}
		value, err := run(ctx, params)
		return outcome{value: value, err: err}
	}
}

// Stream registers a stream. An error from run becomes the outcome if the head was not sent yet, and a trailer after
// the bytes otherwise.
func Stream[P any](r *Registry, method string, run func(*Exchange, P) error) {
	r.methods[method] = Method{method, reflect.TypeFor[P](), nil}
	r.streams[method] = func(x *Exchange, raw []byte) error {
		var params P
		if err := decode(raw, &params); err != nil {
			return err
		}
		return run(x, params)
	}
}

// Methods lists all calls and streams by name.
func (r *Registry) Methods() []Method {
	return slices.SortedFunc(maps.Values(r.methods), func(a, b Method) int { return strings.Compare(a.Name, b.Name) })
}

// Prepare does once what decoding the params of each method does when it is first used.
func (r *Registry) Prepare() {
	for name := range r.methods {
		_ = r.Check(name, []byte("{}"))
	}
}

// Check only decodes the params of a method.
func (r *Registry) Check(method string, params []byte) error {
	if m, known := r.methods[method]; known {
		return decode(params, reflect.New(m.Params).Interface())
	}
	return fault.New("NotSupported", "Unknown method: %s", method)
}

func decode(raw []byte, to any) error {
	if err := json.Unmarshal(raw, to); err != nil {
		return fault.TypeError("Invalid params: %s", err)
	}
	return nil
}

// outcome is the answer of a method: a value or an error.
type outcome struct {
	value any
	err   error
}

// jsonAppender is a value that encodes its own JSON, faster than reflection.
type jsonAppender interface{ AppendJSON(to []byte) []byte }

// appendTo appends the outcome as JSON.
func (o outcome) appendTo(to []byte) []byte {
	if o.err != nil {
		return appendField(to, `{"error":`, fault.From(o.err))
	}
	switch value := o.value.(type) {
	case Null:
		return append(to, `{"ok":null}`...)
	case jsonAppender:
		to = append(to, `{"ok":`...)
		return append(value.AppendJSON(to), '}')
	}
	return appendField(to, `{"ok":`, o.value)
}

func appendField(to []byte, open string, value any) []byte {
	start := len(to)
	buffer := bytes.NewBuffer(append(to, open...))
	encoder := json.NewEncoder(buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return append(buffer.Bytes()[:start], `{"error":{"constructorName":"Error","message":"The result cannot be written as JSON"}}`...)
	}
	buffer.Truncate(buffer.Len() - 1) // the encoder's newline
	return append(buffer.Bytes(), '}')
}
