package tunnel

import (
	"context"
	"sync"

	"golang.org/x/net/http2"
)

// Stream is one flow's stream.
type Stream struct {
	session *Session
	id      uint32

	// answered is closed when the host has answered or no longer can.
	answered chan struct{}
	// refused is set before answered is closed.
	refused error

	// The session's lock guards these fields.

	flow       Flow  // set by Start
	sendWindow int64 // may be negative (RFC 9113 section 6.9.2)
	granted    int64 // what the host may still send
	held       int64 // what the flow has not taken yet
	isAnswered bool
	queued     bool // queued to be pulled from
	pushQueued bool // queued to be pushed to
	sentEnd    bool
	gotAll     bool // the host has ended
	gotEnd     bool // the flow knows that the host has ended
	gone       bool

	// push keeps the host's bytes in order. Lock it before the session's lock, never after.
	push      sync.Mutex
	pending   []byte // received but not taken yet
	hostEnded bool   // nothing follows pending
	endTold   bool   // the flow knows of the end
}

// Wait waits for the host's answer. A stream that was refused, or not answered in time, is gone afterwards.
func (s *Stream) Wait(ctx context.Context) error {
	select {
	case <-s.answered:
		return s.refused
	case <-ctx.Done():
		s.Reset()
		return ctx.Err()
	}
}

// Start begins to move bytes between the host and the flow. Call it once, after Wait has succeeded. If the stream is
// already gone it returns ErrEnded, and the flow stays the caller's.
func (s *Stream) Start(flow Flow) error {
	s.session.mu.Lock()
	if s.gone {
		s.session.mu.Unlock()
		return ErrEnded
	}
	s.flow = flow
	s.session.mu.Unlock()
	s.Readable()
	s.Writable()
	return nil
}

// Readable signals that the flow may have something to pull. It does not wait, so a flow may call it with locks of its
// own held.
func (s *Stream) Readable() {
	s.session.mu.Lock()
	defer s.session.mu.Unlock()
	if s.gone || s.sentEnd || s.queued || s.flow == nil {
		return
	}
	s.queued = true
	s.session.pullable.add(s)
	s.session.work.Signal()
}

// Writable signals that the flow may have room again.
func (s *Stream) Writable() {
	s.session.mu.Lock()
	defer s.session.mu.Unlock()
	if s.gone || s.pushQueued || s.flow == nil {
		return
	}
	s.pushQueued = true
	s.session.pushable.add(s)
	s.session.room.Signal()
}

// Reset abandons the stream. Its flow, if it has one, is not told.
func (s *Stream) Reset() {
	s.session.remove(s, http2.ErrCodeCancel)
}

// deliver passes the host's bytes to the flow, in order; end says that nothing follows.
func (s *Stream) deliver(data []byte, end bool) {
	s.push.Lock()
	defer s.push.Unlock()
	// Check under the lock: bytes that arrive before the flow must be pending when Start has it pushed.
	s.session.mu.Lock()
	flow, gone := s.flow, s.gone
	s.session.mu.Unlock()
	if gone {
		return
	}
	s.hostEnded = s.hostEnded || end
	if flow == nil {
		s.pending = append(s.pending, data...)
		return
	}
	taken, err := s.give(flow, data)
	if err != nil {
		s.session.fail(s, flow)
		return
	}
	s.session.taken(s, taken, len(s.pending))
	if s.hostEnded && len(s.pending) == 0 && !s.endTold {
		s.endTold = true
		flow.End()
		s.session.finish(s)
	}
}

// give pushes the pending bytes and then data, and keeps what the flow does not take.
func (s *Stream) give(flow Flow, data []byte) (taken int, err error) {
	if len(s.pending) > 0 {
		n, err := flow.Push(s.pending)
		if err != nil {
			return taken, err
		}
		taken += n
		if s.pending = s.pending[n:]; len(s.pending) == 0 {
			s.pending = nil
		}
	}
	if len(s.pending) == 0 && len(data) > 0 {
		n, err := flow.Push(data)
		if err != nil {
			return taken, err
		}
		taken += n
		data = data[n:]
	}
	s.pending = append(s.pending, data...)
	return taken, nil
}

// queue is a FIFO of streams.
type queue struct{ streams []*Stream }

func (q *queue) add(s *Stream) { q.streams = append(q.streams, s) }

func (q *queue) take() *Stream {
	if len(q.streams) == 0 {
		return nil
	}
	first := q.streams[0]
	q.streams[0] = nil
	if q.streams = q.streams[1:]; len(q.streams) == 0 {
		q.streams = nil
	}
	return first
}
