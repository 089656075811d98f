package tunnel

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"sandkeep.dev/guest/internal/contract"
	"sandkeep.dev/guest/internal/guard"
)

func TestTheHostMayEndItsSideFirst(t *testing.T) {
	gate, h := newHost(t)
	stream, id := h.open(gate)
	h.answer(id, "200", false)
	if err := wait(stream); err != nil {
		t.Fatal(err)
	}
	f := newFlow("still here", 100)
	h.must(h.WriteData(id, true, []byte("bye")))
	h.must(stream.Start(f))
	f.expect(t, "end")
	if string(f.in) != "bye" {
		t.Fatalf("%q", f.in)
	}
	if data := next[*http2.DataFrame](h); string(data.Data()) != "still here" || data.StreamEnded() {
		t.Fatal(data)
	}
	f.mu.Lock()
	f.ended = true
	f.mu.Unlock()
	stream.Readable()
	if data := next[*http2.DataFrame](h); !data.StreamEnded() {
		t.Fatal(data)
	}
	f.expect(t, "close")
}

// RFC 9113 section 8.1: a host that has sent everything may stop the guest from sending.
func TestAResetWithoutAnErrorTakesNothingAway(t *testing.T) {
	gate, h := newHost(t)
	stream, id := h.connected(gate)
	f := newFlow("", 4)
	h.must(stream.Start(f))
	h.must(h.WriteData(id, true, []byte("everything")))
	h.must(h.WriteRSTStream(id, http2.ErrCodeNo))
	h.must(h.WritePing(false, [8]byte{1}))
	next[*http2.PingFrame](h)
	f.mu.Lock()
	f.out, f.room = []byte("too late"), 100
	f.mu.Unlock()
	stream.Readable()
	stream.Writable()
	f.expect(t, "end")
	f.expect(t, "close")
	if string(f.in) != "everything" {
		t.Fatalf("%q", f.in)
	}
	h.must(h.WritePing(false, [8]byte{2}))
	for {
		frame, err := h.ReadFrame()
		h.must(err)
		if data, ok := frame.(*http2.DataFrame); ok {
			t.Fatalf("%q", data.Data())
		}
		if ping, ok := frame.(*http2.PingFrame); ok && ping.IsAck() {
			break
		}
	}
}

func TestAResetBeforeTheEndIsOne(t *testing.T) {
	gate, h := newHost(t)
	stream, id := h.connected(gate)
	f := newFlow("", 4)
	h.must(stream.Start(f))
	h.must(h.WriteData(id, false, []byte("everything")))
	h.must(h.WriteRSTStream(id, http2.ErrCodeNo))
	f.expect(t, "reset")
}

func TestARefusalNamesItsReason(t *testing.T) {
	gate, h := newHost(t)
	stream, id := h.open(gate)
	h.answer(id, "103", false)
	h.answer(id, "502", true, contract.ErrnoHeader, "EHOSTUNREACH")
	var refused *Refused
	if err := wait(stream); !errors.As(err, &refused) || refused.Errno != "EHOSTUNREACH" {
		t.Fatal(err)
	}
	if err := stream.Start(newFlow("", 0)); err == nil {
		t.Fatal("started")
	}
}

func TestAResetBeforeTheAnswerIsARefusal(t *testing.T) {
	gate, h := newHost(t)
	stream, id := h.open(gate)
	h.must(h.WriteRSTStream(id, http2.ErrCodeRefusedStream))
	var refused *Refused
	if err := wait(stream); !errors.As(err, &refused) {
		t.Fatal(err)
	}
}

func TestNoMoreIsSentThanTheHostAllows(t *testing.T) {
	gate, h := newHost(t, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 5})
	stream, id := h.connected(gate)
	f := newFlow("hello world", 0)
	f.ended = true
	h.must(stream.Start(f))
	for _, want := range []string{"hello", " wor", "ld"} {
		data := next[*http2.DataFrame](h)
		if string(data.Data()) != want {
			t.Fatalf("%q instead of %q", data.Data(), want)
		}
		h.must(h.WriteWindowUpdate(id, 4))
	}
	// With nothing left to send, the end needs no window.
	if data := next[*http2.DataFrame](h); !data.StreamEnded() || len(data.Data()) != 0 {
		t.Fatal(data)
	}
}

func TestTheHostMaySendAsMuchAsWasTaken(t *testing.T) {
	gate, h := newHost(t)
	stream, id := h.connected(gate)
	f := newFlow("", initialWindow/2)
	h.must(stream.Start(f))
	for range initialWindow / defaultFrame {
		h.must(h.WriteData(id, false, make([]byte, defaultFrame)))
	}
	// Unread bytes are kept, and the window grows only by what was taken.
	h.must(h.WritePing(false, [8]byte{1}))
	granted := 0
	for {
		frame, err := h.ReadFrame()
		h.must(err)
		if update, ok := frame.(*http2.WindowUpdateFrame); ok && update.StreamID == id {
			granted += int(update.Increment)
		}
		if ping, ok := frame.(*http2.PingFrame); ok && ping.IsAck() {
			break
		}
	}
	if granted > maxWindow || f.received() != initialWindow/2 {
		t.Fatal(granted, f.received())
	}
	f.mu.Lock()
	f.room = maxWindow
	f.mu.Unlock()
	stream.Writable()
	for deadline := time.Now().Add(patience); f.received() != initialWindow; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(f.received())
		}
	}
}

func TestAHostThatSendsTooMuchIsLeft(t *testing.T) {
	gate, h := newHost(t)
	stream, id := h.connected(gate)
	f := newFlow("", 0)
	h.must(stream.Start(f))
	for range initialWindow/defaultFrame + 1 {
		h.must(h.WriteData(id, false, make([]byte, defaultFrame)))
	}
	go func() { _, _ = io.Copy(io.Discard, h.conn) }()
	f.expect(t, "reset")
}

func TestNoMoreFlowsThanTheHostWants(t *testing.T) {
	gate, h := newHost(t, http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 1})
	stream, _ := h.open(gate)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	session, err := gate.Session(ctx)
	h.must(err)
	var refused *Refused
	if _, err := session.Open(Request{Authority: "192.0.2.1:1"}); !errors.As(err, &refused) {
		t.Fatal(err)
	}
	go func() { _, _ = io.Copy(io.Discard, h.conn) }()
	stream.Reset()
	if _, err := session.Open(Request{Authority: "192.0.2.1:1"}); err != nil {
		t.Fatal(err)
	}
}

func TestAHostThatSaysGoodbyeGetsNoNewFlows(t *testing.T) {
	gate, h := newHost(t)
	stream, id := h.open(gate)
	h.must(h.WriteGoAway(id, http2.ErrCodeNo, nil))
	h.answer(id, "200", false)
	h.must(wait(stream))
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := gate.Session(ctx); err == nil {
		t.Fatal("there is a session")
	}
	f := newFlow("goes on", 0)
	h.must(stream.Start(f))
	if data := next[*http2.DataFrame](h); string(data.Data()) != "goes on" {
		t.Fatalf("%q", data.Data())
	}
}

func TestAnAnswerThatDoesNotComeIsNotWaitedForForEver(t *testing.T) {
	gate, h := newHost(t)
	stream, id := h.open(gate)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if err := stream.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	if reset := next[*http2.RSTStreamFrame](h); reset.StreamID != id {
		t.Fatal(reset)
	}
}

func FuzzHost(f *testing.F) {
	settings := "\x00\x00\x00\x04\x00\x00\x00\x00\x00"
	f.Add([]byte(settings))
	f.Add([]byte(settings + "\x00\x00\x01\x01\x04\x00\x00\x00\x01\x88" + "\x00\x00\x03\x00\x01\x00\x00\x00\x01abc"))
	f.Add([]byte(settings + "\x00\x00\x04\x08\x00\x00\x00\x00\x01\x7f\xff\xff\xff" + "\x00\x00\x04\x03\x00\x00\x00\x00\x01\x00\x00\x00\x08"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		ours, theirs := net.Pipe()
		gate := &Gate{}
		served := make(chan struct{})
		go func() { defer close(served); gate.Serve(theirs) }()
		go func() { _, _ = io.Copy(io.Discard, ours) }()
		guard.Go("fuzzed host", func() {
			defer ours.Close()
			_, _ = ours.Write(append([]byte(settings), stream...))
		})
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		// It may end before it has begun.
		go func() { <-served; cancel() }()
		if session, err := gate.Session(ctx); err == nil {
			if opened, err := session.Open(Request{Authority: "192.0.2.1:1"}); err == nil {
				if opened.Wait(ctx) == nil {
					_ = opened.Start(newFlow("hello", 1))
				}
			}
		}
		<-served
	})
}
