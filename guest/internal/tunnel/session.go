package tunnel

import (
	"net"
	"sync"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"sandkeep.dev/guest/internal/contract"
	"sandkeep.dev/guest/internal/guard"
)

// Session is one connection to the host.
type Session struct {
	conn  net.Conn
	ready func(*Session)

	mu sync.Mutex
	// work wakes the writer, room the pusher. Both are signalled when ended is set.
	work, room *sync.Cond
	ended      bool
	closing    bool // the host accepts no new streams
	streams    map[uint32]*Stream
	nextID     uint32
	pullable   queue
	pushable   queue
	// control holds complete frames other than data, in the order of writing.
	control []byte
	headers *headerWriter

	sendWindow int64 // of the connection
	granted    int64 // what the host may still send on the connection
	owed       int64 // received, and not granted again
	// From the host's settings.
	peerStreams uint32
	peerWindow  int64
	peerFrame   int
}

func newSession(conn net.Conn, ready func(*Session)) *Session {
	s := &Session{
		conn: conn, ready: ready,
		streams: map[uint32]*Stream{}, nextID: 1,
		sendWindow: defaultWindow, granted: connectionWindow,
		peerStreams: maxStreamID, peerWindow: defaultWindow, peerFrame: defaultFrame,
	}
	s.work, s.room = sync.NewCond(&s.mu), sync.NewCond(&s.mu)
	s.headers = newHeaderWriter()
	return s
}

// run returns when the connection and all its flows have ended.
func (s *Session) run() {
	var others sync.WaitGroup
	others.Add(2)
	s.greet()
	guard.Go("egress writer", func() { defer others.Done(); defer s.end(); s.write() })
	guard.Go("egress pusher", func() { defer others.Done(); defer s.end(); s.pushAll() })
	func() {
		defer guard.Recover("egress reader")
		s.read()
	}()
	s.end()
	others.Wait()
}

// greet queues the client's preface (RFC 9113 section 3.4).
func (s *Session) greet() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.control = append(s.control, http2.ClientPreface...)
	s.frame(func(f *http2.Framer) error {
		return f.WriteSettings(
			http2.Setting{ID: http2.SettingEnablePush, Val: 0},
			http2.Setting{ID: http2.SettingInitialWindowSize, Val: initialWindow},
			http2.Setting{ID: http2.SettingMaxFrameSize, Val: maxReadFrame},
			http2.Setting{ID: http2.SettingMaxHeaderListSize, Val: maxHeaderListBytes},
		)
	})
	s.frame(func(f *http2.Framer) error { return f.WriteWindowUpdate(0, connectionWindow-defaultWindow) })
}

// frame queues a frame; the caller holds the lock.
func (s *Session) frame(write func(*http2.Framer) error) {
	if len(s.control) > maxControlBytes {
		s.endLocked()
		return
	}
	if write(http2.NewFramer((*sink)(&s.control), nil)) == nil {
		s.work.Signal()
	}
}

// sink collects what is written.
type sink []byte

func (s *sink) Write(p []byte) (int, error) {
	*s = append(*s, p...)
	return len(p), nil
}

// end ends the session: it wakes everything that waits and resets all flows.
func (s *Session) end() {
	s.mu.Lock()
	s.endLocked()
	flows := make([]Flow, 0, len(s.streams))
	for id, stream := range s.streams {
		delete(s.streams, id)
		stream.gone = true
		stream.refuse(ErrEnded)
		if stream.flow != nil {
			flows = append(flows, stream.flow)
		}
	}
	s.mu.Unlock()
	for _, flow := range flows {
		flow.Reset()
	}
}

func (s *Session) endLocked() {
	if s.ended {
		return
	}
	s.ended = true
	s.work.Broadcast()
	s.room.Broadcast()
	_ = s.conn.Close()
}

// refuse makes Wait fail unless the stream was answered before. The caller holds the session's lock.
func (s *Stream) refuse(err error) {
	if !s.isAnswered {
		s.isAnswered = true
		s.refused = err
		close(s.answered)
	}
}

func (s *Session) open() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.ended && !s.closing
}

// Open asks the host for a flow. It does not wait.
func (s *Session) Open(request Request) (*Stream, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || s.closing || s.nextID > maxStreamID {
		return nil, ErrEnded
	}
	if uint32(len(s.streams)) >= s.peerStreams {
		return nil, &Refused{Errno: "ECONNREFUSED"}
	}
	stream := &Stream{session: s, id: s.nextID, answered: make(chan struct{}), sendWindow: s.peerWindow, granted: initialWindow}
	s.nextID += 2
	s.streams[stream.id] = stream
	block := s.headers.encode(request)
	s.frame(func(f *http2.Framer) error {
		return f.WriteHeaders(http2.HeadersFrameParam{StreamID: stream.id, BlockFragment: block, EndHeaders: true})
	})
	return stream, nil
}

// headerWriter encodes requests. Its HPACK table belongs to the connection, so requests are encoded in the order they
// are sent.
type headerWriter struct {
	block   sink
	encoder *hpack.Encoder
}

func newHeaderWriter() *headerWriter {
	w := &headerWriter{}
	w.encoder = hpack.NewEncoder(&w.block)
	return w
}

func (w *headerWriter) encode(request Request) []byte {
	w.block = w.block[:0]
	add := func(name, value string) { _ = w.encoder.WriteField(hpack.HeaderField{Name: name, Value: value}) }
	if request.UDP {
		add(":method", "POST")
		add(":scheme", "http")
		add(":authority", request.Authority)
		add(":path", contract.UDPPath)
	} else { // RFC 9113 section 8.5: no scheme, no path
		add(":method", "CONNECT")
		add(":authority", request.Authority)
	}
	if request.Process != "" {
		add(contract.ProcessHeader, request.Process)
	}
	return w.block
}

// remove forgets a stream that has not ended by itself, and tells the host.
func (s *Session) remove(stream *Stream, code http2.ErrCode) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.removeLocked(stream, code)
}

func (s *Session) removeLocked(stream *Stream, code http2.ErrCode) bool {
	if stream.gone {
		return false
	}
	stream.gone = true
	delete(s.streams, stream.id)
	stream.refuse(ErrEnded)
	s.frame(func(f *http2.Framer) error { return f.WriteRSTStream(stream.id, code) })
	return true
}

// fail resets a stream whose flow is broken (RFC 9113 section 8.5), and the flow.
func (s *Session) fail(stream *Stream, flow Flow) {
	if s.remove(stream, http2.ErrCodeConnect) {
		flow.Reset()
	}
}

// finish records that the flow knows of the host's end, and ends the stream if both sides have ended.
func (s *Session) finish(stream *Stream) {
	s.mu.Lock()
	stream.gotEnd = true
	flow := s.finishedLocked(stream)
	s.mu.Unlock()
	if flow != nil {
		flow.Close()
	}
}

// finishedLocked forgets a stream that both sides have ended, and returns its flow to be closed.
func (s *Session) finishedLocked(stream *Stream) Flow {
	if stream.gone || !stream.gotEnd || !stream.sentEnd {
		return nil
	}
	stream.gone = true
	delete(s.streams, stream.id)
	return stream.flow
}

// share is the window that each stream may have now.
func (s *Session) share() int64 {
	return min(maxWindow, max(initialWindow, sharedWindow/int64(len(s.streams)+1)))
}

// taken records that the flow took n bytes and that held are pending. Once it is worth a frame, it grants the host
// more.
func (s *Session) taken(stream *Stream, n, held int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	stream.held = int64(held)
	if stream.gone || n == 0 {
		return
	}
	target := s.share()
	if more := target - stream.granted - stream.held; more >= target/2 {
		stream.granted += more
		s.frame(func(f *http2.Framer) error { return f.WriteWindowUpdate(stream.id, uint32(more)) })
	}
}
