package tunnel

import (
	"bytes"
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// patience limits every wait in these tests.
const patience = 10 * time.Second

// host is the other end of a session, controlled frame by frame.
type host struct {
	*http2.Framer
	t    *testing.T
	conn net.Conn
}

// newHost begins a session whose host has the given settings.
func newHost(t *testing.T, settings ...http2.Setting) (*Gate, *host) {
	t.Helper()
	ours, theirs := net.Pipe()
	gate := &Gate{}
	served := make(chan struct{})
	go func() {
		defer close(served)
		gate.Serve(theirs)
	}()
	h := &host{Framer: http2.NewFramer(&eager{conn: ours}, ours), t: t, conn: ours}
	h.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	t.Cleanup(func() {
		ours.Close()
		select {
		case <-served:
		case <-time.After(patience):
			t.Error("the session has not ended")
		}
	})
	_ = ours.SetDeadline(time.Now().Add(patience))
	preface := make([]byte, len(http2.ClientPreface))
	if _, err := io.ReadFull(ours, preface); err != nil || string(preface) != http2.ClientPreface {
		t.Fatalf("%q %v", preface, err)
	}
	h.must(h.WriteSettings(settings...))
	return gate, h
}

// eager sends in the background, like a port with buffer space.
type eager struct {
	conn  net.Conn
	mu    sync.Mutex
	queue [][]byte
	busy  bool
}

func (e *eager) Write(p []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.queue = append(e.queue, bytes.Clone(p))
	if !e.busy {
		e.busy = true
		go e.drain()
	}
	return len(p), nil
}

func (e *eager) drain() {
	for {
		e.mu.Lock()
		if len(e.queue) == 0 {
			e.busy = false
			e.mu.Unlock()
			return
		}
		next := e.queue[0]
		e.queue = e.queue[1:]
		e.mu.Unlock()
		if _, err := e.conn.Write(next); err != nil {
			return
		}
	}
}

func (h *host) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// next reads up to the next frame of a kind.
func next[T http2.Frame](h *host) T {
	h.t.Helper()
	for {
		frame, err := h.ReadFrame()
		h.must(err)
		if wanted, ok := frame.(T); ok {
			return wanted
		}
	}
}

// answer accepts a stream.
func (h *host) answer(id uint32, status string, end bool, fields ...string) {
	h.t.Helper()
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	h.must(encoder.WriteField(hpack.HeaderField{Name: ":status", Value: status}))
	for i := 0; i < len(fields); i += 2 {
		h.must(encoder.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]}))
	}
	h.must(h.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block.Bytes(), EndHeaders: true, EndStream: end}))
}

// open asks for a flow and returns the request's stream as the host sees it.
func (h *host) open(gate *Gate) (*Stream, uint32) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	session, err := gate.Session(ctx)
	h.must(err)
	stream, err := session.Open(Request{Authority: "192.0.2.1:443", Process: "7 curl"})
	h.must(err)
	request := next[*http2.MetaHeadersFrame](h)
	if request.PseudoValue("method") != "CONNECT" || request.PseudoValue("authority") != "192.0.2.1:443" {
		h.t.Fatal(request.Fields)
	}
	return stream, request.StreamID
}

// connected returns a flow that the host has accepted.
func (h *host) connected(gate *Gate) (*Stream, uint32) {
	h.t.Helper()
	stream, id := h.open(gate)
	h.answer(id, "200", false)
	h.must(wait(stream))
	return stream, id
}

func wait(stream *Stream) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return stream.Wait(ctx)
}

// flow is a guest's end made of two buffers.
type flow struct {
	mu     sync.Mutex
	out    []byte // for the host
	ended  bool   // nothing follows
	in     []byte // from the host
	room   int    // free space
	events chan string
}

func newFlow(out string, room int) *flow {
	return &flow{out: []byte(out), room: room, events: make(chan string, 8)}
}

func (f *flow) Pull(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := copy(p, f.out)
	if f.out = f.out[n:]; len(f.out) == 0 && n == 0 && f.ended {
		return 0, io.EOF
	}
	return n, nil
}

func (f *flow) Push(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := min(len(p), f.room)
	f.in, f.room = append(f.in, p[:n]...), f.room-n
	return n, nil
}

func (f *flow) End()   { f.events <- "end" }
func (f *flow) Close() { f.events <- "close" }
func (f *flow) Reset() { f.events <- "reset" }

func (f *flow) expect(t *testing.T, want string) {
	t.Helper()
	select {
	case got := <-f.events:
		if got != want {
			t.Fatalf("%s instead of %s", got, want)
		}
	case <-time.After(patience):
		t.Fatalf("no %s", want)
	}
}

func (f *flow) received() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.in)
}
