package process

import (
	"io"
	"sync"

	"sandkeep.dev/guest/internal/files"
)

// Sink is one reader of a process's output. A nil sink discards everything.
type Sink struct {
	output *output
	early  []frame    // ends that happened before it was attached
	frames chan frame // from the pumps
	exit   chan frame
	left   int // ends still to come, including the exit
	gone   chan struct{}
	once   sync.Once
}

func (s *Sink) put(f frame) {
	if s == nil {
		f.release()
		return
	}
	select {
	case s.frames <- f:
	case <-s.gone:
		f.release()
	}
}

func (s *Sink) leave() {
	if s != nil {
		s.once.Do(func() { close(s.gone) })
	}
}

// Detach stops reading; waiting pumps continue.
func (s *Sink) Detach() {
	s.output.mu.Lock()
	if s.output.attached == s {
		s.output.attached = nil
	}
	s.output.mu.Unlock()
	s.leave()
	for {
		select {
		case f := <-s.frames:
			f.release()
		default:
			return
		}
	}
}

// CopyTo writes frames until every output has ended and the process has exited, or until the sink is cancelled or
// replaced. Frames that are ready together are flushed together.
func (s *Sink) CopyTo(to files.FlushWriter, cancelled <-chan struct{}) error {
	defer s.Detach()
	for _, f := range s.early {
		if err := s.write(to, f); err != nil {
			return err
		}
	}
	for s.left > 0 {
		var f frame
		select {
		case f = <-s.frames: // preferred to the exit if both are ready
		default:
			select {
			case f = <-s.frames:
			case f = <-s.exit:
			default:
				if err := to.Flush(); err != nil {
					return err
				}
				select {
				case f = <-s.frames:
				case f = <-s.exit:
				case <-s.gone:
					return nil
				case <-cancelled:
					return io.ErrClosedPipe
				}
			}
		}
		if err := s.write(to, f); err != nil {
			return err
		}
	}
	return nil
}

func (s *Sink) write(to io.Writer, f frame) error {
	_, err := to.Write(f.bytes)
	f.release()
	if f.last {
		s.left--
	}
	return err
}
