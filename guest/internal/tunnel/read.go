package tunnel

import (
	"errors"
	"fmt"
	"io"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"sandkeep.dev/guest/internal/contract"
)

// read handles the host's frames until the connection ends or the host violates the protocol.
func (s *Session) read() {
	framer := http2.NewFramer(io.Discard, s.conn)
	framer.SetMaxReadFrameSize(maxReadFrame)
	framer.SetReuseFrames()
	framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	framer.MaxHeaderListSize = maxHeaderListBytes
	first := true
	for {
		frame, err := framer.ReadFrame()
		var broken http2.StreamError
		if errors.As(err, &broken) {
			s.breakStream(broken.StreamID, broken.Code)
			continue
		}
		if err != nil {
			return
		}
		if _, ok := frame.(*http2.SettingsFrame); first && !ok {
			return // RFC 9113 section 3.4
		}
		if err := s.handle(frame); err != nil {
			return
		}
		if first {
			first = false
			s.ready(s)
		}
	}
}

var errProtocol = errors.New("the host broke the protocol")

func (s *Session) handle(frame http2.Frame) error {
	switch f := frame.(type) {
	case *http2.DataFrame:
		return s.handleData(f)
	case *http2.MetaHeadersFrame:
		return s.handleHeaders(f)
	case *http2.RSTStreamFrame:
		s.breakStream(f.StreamID, f.ErrCode)
	case *http2.SettingsFrame:
		return s.handleSettings(f)
	case *http2.WindowUpdateFrame:
		return s.handleWindow(f)
	case *http2.PingFrame:
		if !f.IsAck() {
			s.mu.Lock()
			s.frame(func(w *http2.Framer) error { return w.WritePing(true, f.Data) })
			s.mu.Unlock()
		}
	case *http2.GoAwayFrame:
		s.mu.Lock()
		s.closing = true
		s.mu.Unlock()
	case *http2.PushPromiseFrame:
		return errProtocol
	}
	return nil
}

func (s *Session) handleData(f *http2.DataFrame) error {
	size := int64(f.Length)
	s.mu.Lock()
	if s.granted -= size; s.granted < 0 {
		s.mu.Unlock()
		return errProtocol
	}
	// Credit at once: see connectionWindow.
	if s.owed += size; s.owed >= connectionWindow/4 {
		credit := s.owed
		s.granted, s.owed = s.granted+credit, 0
		s.frame(func(w *http2.Framer) error { return w.WriteWindowUpdate(0, uint32(credit)) })
	}
	stream := s.streams[f.StreamID]
	if stream == nil { // recently reset
		s.mu.Unlock()
		return nil
	}
	if stream.granted -= size; stream.granted < 0 || !stream.isAnswered {
		s.mu.Unlock()
		return errProtocol
	}
	stream.gotAll = stream.gotAll || f.StreamEnded()
	s.mu.Unlock()
	stream.deliver(f.Data(), f.StreamEnded())
	return nil
}

// handleHeaders handles an answer, or trailers, which only end the stream.
func (s *Session) handleHeaders(f *http2.MetaHeadersFrame) error {
	s.mu.Lock()
	stream := s.streams[f.StreamID]
	if stream == nil {
		s.mu.Unlock()
		return nil
	}
	if stream.isAnswered {
		stream.gotAll = stream.gotAll || f.StreamEnded()
		s.mu.Unlock()
		if !f.StreamEnded() {
			return errProtocol
		}
		stream.deliver(nil, true)
		return nil
	}
	defer s.mu.Unlock()
	switch status := f.PseudoValue("status"); {
	case len(status) == 3 && status[0] == '1': // interim
	case status == "200" && !f.StreamEnded():
		stream.isAnswered = true
		close(stream.answered)
	default:
		stream.refuse(&Refused{Errno: errnoOf(f)})
		s.dismiss(stream, f.StreamEnded())
	}
	return nil
}

// dismiss forgets a refused stream whose request is still open.
func (s *Session) dismiss(stream *Stream, answerEnded bool) {
	if !answerEnded {
		s.removeLocked(stream, http2.ErrCodeCancel)
		return
	}
	stream.gone = true
	delete(s.streams, stream.id)
	s.frame(func(w *http2.Framer) error { return w.WriteData(stream.id, true, nil) })
}

// errnoOf returns the reason for a refusal.
func errnoOf(f *http2.MetaHeadersFrame) string {
	for _, field := range f.RegularFields() {
		if field.Name == contract.ErrnoHeader {
			return field.Value
		}
	}
	return ""
}

// breakStream handles a reset by the host. With no error, and after the host has ended its side, it only stops the
// guest from sending (RFC 9113 section 8.1): the guest still gets everything sent before.
func (s *Session) breakStream(id uint32, code http2.ErrCode) {
	s.mu.Lock()
	stream := s.streams[id]
	if stream == nil {
		s.mu.Unlock()
		return
	}
	if code == http2.ErrCodeNo && stream.gotAll {
		stream.sentEnd = true
		finished := s.finishedLocked(stream)
		s.mu.Unlock()
		if finished != nil {
			finished.Close()
		}
		return
	}
	delete(s.streams, id)
	stream.gone = true
	stream.refuse(&Refused{})
	flow := stream.flow
	s.mu.Unlock()
	if flow != nil {
		flow.Reset()
	}
}

func (s *Session) handleSettings(f *http2.SettingsFrame) error {
	if f.IsAck() {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	err := f.ForeachSetting(func(setting http2.Setting) error {
		if err := setting.Valid(); err != nil {
			return err
		}
		switch setting.ID {
		case http2.SettingMaxConcurrentStreams:
			s.peerStreams = setting.Val
		case http2.SettingMaxFrameSize:
			s.peerFrame = int(setting.Val)
		case http2.SettingHeaderTableSize:
			s.headers.encoder.SetMaxDynamicTableSizeLimit(setting.Val)
		case http2.SettingInitialWindowSize:
			change := int64(setting.Val) - s.peerWindow
			s.peerWindow = int64(setting.Val)
			for _, stream := range s.streams {
				s.widen(stream, change)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("settings: %w", err)
	}
	s.frame(func(w *http2.Framer) error { return w.WriteSettingsAck() })
	return nil
}

func (s *Session) handleWindow(f *http2.WindowUpdateFrame) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.StreamID == 0 {
		if s.sendWindow += int64(f.Increment); s.sendWindow > maxStreamID {
			return errProtocol
		}
		s.work.Signal()
		return nil
	}
	if stream := s.streams[f.StreamID]; stream != nil {
		if s.widen(stream, int64(f.Increment)); stream.sendWindow > maxStreamID {
			return errProtocol
		}
	}
	return nil
}

// widen changes a stream's send window, and resumes the stream if it was waiting for that.
func (s *Session) widen(stream *Stream, change int64) {
	was := stream.sendWindow
	stream.sendWindow += change
	if was <= 0 && stream.sendWindow > 0 && !stream.queued && !stream.sentEnd && stream.flow != nil {
		stream.queued = true
		s.pullable.add(stream)
		s.work.Signal()
	}
}
