package tunnel

import (
	"encoding/binary"
	"io"

	"golang.org/x/net/http2"
)

// batchBytes is the size of one write: what the port's driver takes at a time.
const batchBytes = frameHeaderBytes + maxWriteFrame

// write sends queued frames until the session ends: control frames first, then data, one frame per stream in turn.
func (s *Session) write() {
	out := make([]byte, 0, 2*batchBytes)
	for {
		batch, more := s.gather(out)
		if !more {
			return
		}
		if _, err := s.conn.Write(batch); err != nil {
			return
		}
	}
}

// gather waits until there is something to write, and collects it.
func (s *Session) gather(out []byte) (batch []byte, more bool) {
	s.mu.Lock()
	for !s.ended && len(s.control) == 0 && (len(s.pullable.streams) == 0 || s.sendWindow <= 0) {
		s.work.Wait()
	}
	out = append(out, s.control...)
	s.control = nil
	ended := s.ended
	s.mu.Unlock()
	for !ended && len(out) < batchBytes {
		stream, allowed := s.nextPull()
		if stream == nil {
			break
		}
		out = s.pull(stream, out, min(allowed, max(batchBytes-len(out)-frameHeaderBytes, minFrame)))
	}
	return out, !ended
}

// minFrame keeps the last frame of a batch from being tiny.
const minFrame = 4096

// nextPull returns the next stream that may send, and how much.
func (s *Session) nextPull() (stream *Stream, allowed int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.sendWindow > 0 {
		stream := s.pullable.take()
		if stream == nil {
			break
		}
		stream.queued = false
		// A stream without a window is only asked for its state; it is queued again when it has a window.
		if !stream.gone && !stream.sentEnd {
			return stream, int(max(0, min(s.sendWindow, stream.sendWindow, int64(s.peerFrame), maxWriteFrame)))
		}
	}
	return nil, 0
}

// pull appends a frame of the stream's bytes to out.
func (s *Session) pull(stream *Stream, out []byte, allowed int) []byte {
	start := len(out)
	if need := start + frameHeaderBytes + allowed; need > cap(out) {
		out = append(make([]byte, 0, need), out...)
	}
	n, err := stream.flow.Pull(out[start+frameHeaderBytes : start+frameHeaderBytes+allowed])
	if err != nil && err != io.EOF {
		s.fail(stream, stream.flow)
		return out
	}
	end := err == io.EOF
	s.mu.Lock()
	s.sendWindow -= int64(n)
	stream.sendWindow -= int64(n)
	if n > 0 && !end && !stream.queued && !stream.gone {
		stream.queued = true
		s.pullable.add(stream) // there may be more bytes, or the end
	}
	var finished Flow
	if gone := stream.gone; gone {
		// Reset meanwhile: no data may follow.
		s.sendWindow += int64(n)
		n, end = 0, false
	} else if end {
		stream.sentEnd = true
		finished = s.finishedLocked(stream)
	}
	s.mu.Unlock()
	if finished != nil {
		finished.Close()
	}
	if n == 0 && !end {
		return out
	}
	out = out[:start+frameHeaderBytes+n]
	header := out[start:]
	header[0], header[1], header[2] = byte(n>>16), byte(n>>8), byte(n)
	header[3], header[4] = byte(http2.FrameData), 0
	if end {
		header[4] = byte(http2.FlagDataEndStream)
	}
	binary.BigEndian.PutUint32(header[5:], stream.id)
	return out
}

// pushAll pushes to flows that have room again, until the session ends.
func (s *Session) pushAll() {
	for {
		s.mu.Lock()
		for !s.ended && len(s.pushable.streams) == 0 {
			s.room.Wait()
		}
		if s.ended {
			s.mu.Unlock()
			return
		}
		stream := s.pushable.take()
		stream.pushQueued = false
		s.mu.Unlock()
		stream.deliver(nil, false)
	}
}
