package process

import (
	"io"
	"sync"

	"sandkeep.dev/guest/internal/files"
)

// Sink is one reader of a process's output. A nil sink throws everything away.
type Sink struct {
	output *output
	early  []frame    // ends that happened before
	frames chan frame // from the pumps
	exit   chan frame
	left   int // ends that are still to come, the exit among them
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

// Detach ends the reading; pumps that wait go on.
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

// CopyTo writes frames until every output has ended and the process too, or until cancelled or replaced. What is ready
// at the same time goes out at once.
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
		case f = <-s.frames: // rather than the exit, if both are there
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
