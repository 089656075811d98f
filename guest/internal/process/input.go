package process

import (
	"io"
	"os"
	"sync"

	"sandkeep.dev/guest/internal/contract"
)

// endOfTransmission ends a terminal's input, as if the user typed Ctrl-D.
const endOfTransmission = 4

// input writes to one input of a process. A nil input discards everything.
type input struct {
	file *os.File
	// terminal inputs share their file with the output, and end with a character instead of a close.
	terminal bool
	// socket inputs share their socket with an output, so closing the file does not end them.
	socket bool

	mu   sync.Mutex // one writer at a time
	gone bool       // the process no longer reads; further input is discarded
}

// write passes all bytes to the process, and waits while the process does not read them.
func (in *input) write(p []byte) {
	if in == nil {
		return
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.gone {
		return
	}
	if _, err := in.file.Write(p); err != nil {
		in.gone = true // EPIPE: the process has closed its input, which is allowed
	}
}

// end signals end of input to the process.
func (in *input) end() {
	if in == nil {
		return
	}
	if in.terminal {
		in.write([]byte{endOfTransmission})
		return
	}
	in.close()
}

// close also interrupts a blocked write.
func (in *input) close() {
	if in == nil || in.terminal {
		return
	}
	if in.socket {
		shutDown(in.file)
	}
	in.file.Close()
}

// Feed passes frames to the process's inputs until the reader ends. A regular end also ends the inputs; anything else,
// such as a reset, leaves them open for a later attach.
func (p *Process) Feed(frames io.Reader) error {
	for {
		kind, length, err := contract.ReadFrameHeader(frames)
		if err == io.EOF {
			p.stdin.end()
			p.channel.end()
			p.socket.end()
			return nil
		}
		if err != nil {
			return err
		}
		var to *input
		switch kind {
		case contract.FrameStdin:
			to = p.stdin
		case contract.FrameToChannel:
			to = p.channel
		case contract.FrameToSocket:
			to = p.socket
		}
		if length == 0 {
			to.end()
			continue
		}
		if err := feedFrame(to, frames, length); err != nil {
			return err
		}
	}
}

func feedFrame(to *input, from io.Reader, length int) error {
	lent := buffers.Get().(*[]byte)
	defer buffers.Put(lent)
	for length > 0 {
		n, err := from.Read((*lent)[:min(length, contract.MaxFrameBytes)])
		to.write((*lent)[:n])
		length -= n
		if err != nil && length > 0 {
			return io.ErrUnexpectedEOF
		}
	}
	return nil
}

// TakesInput reports whether frames from the host can have any effect.
func (p *Process) TakesInput() bool { return p.stdin != nil || p.channel != nil || p.socket != nil }
