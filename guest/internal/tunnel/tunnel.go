// Package tunnel is the guest's side of the egress port: a client of HTTP/2 with prior knowledge, for streams whose
// bodies are the bytes of flows. The contract is packages/egress/src/port/contract.ts.
//
// It is written for thousands of flows in little memory: a flow has no goroutine and no buffer of its own. A session has
// three goroutines. One reads frames and pushes what they hold into the flows; one pulls from the flows and writes frames;
// one pushes what a flow could not take at first. So a flow must never wait, only say that it has nothing, or no room.
package tunnel

import (
	"errors"
	"fmt"
)

// Flow is the guest's end of a stream. Its methods are called without any lock of the session's, and never two of Push and
// End at a time. Close or Reset is called once; a Pull or Push on its way at that moment may come after it.
type Flow interface {
	// Pull moves bytes of the guest's into p, without waiting. (0, nil) means none now: [Stream.Readable] says when there
	// are. io.EOF means that the guest has ended its side, any other error that it has reset the flow; both are told of an
	// empty p too.
	Pull(p []byte) (n int, err error)
	// Push hands bytes to the guest, without waiting. It takes as many as there is room for: [Stream.Writable] says when
	// there is more.
	Push(p []byte) (n int, err error)
	// End says that the host has ended its side.
	End()
	// Close is the end of a flow that both sides have ended.
	Close()
	// Reset is the end of a flow in any other way.
	Reset()
}

// Refused is the error of a flow that the host did not open.
type Refused struct {
	// Errno is the name of the reason, such as "ECONNREFUSED".
	Errno string
}

func (r *Refused) Error() string { return fmt.Sprintf("refused: %s", r.Errno) }

// ErrEnded is the error of everything on a session that has ended.
var ErrEnded = errors.New("the session has ended")

// Request asks for a flow.
type Request struct {
	// UDP asks for datagrams rather than for a connection.
	UDP bool
	// Authority is the destination: "192.0.2.1:443", "[2001:db8::1]:443".
	Authority string
	// Process tells which one asks, in the header's form; may be empty.
	Process string
}

const (
	// initialWindow is how much the host may send on a fresh stream. A stream whose bytes are taken gets more.
	initialWindow = 64 * 1024
	// maxWindow is the most it may have on its way: about ten times what the port moves in a round trip.
	maxWindow = 1 << 20
	// sharedWindow is divided between the streams there are, down to initialWindow each: it bounds what they can hold when
	// nobody in the guest reads.
	sharedWindow = 32 << 20
	// connectionWindow is in force between frames only: bytes are credited as they come in, because a stream that is not
	// read must not hold up the others. What bounds memory is the streams' windows.
	connectionWindow = 16 << 20
	// maxReadFrame is the largest frame that the host may send.
	maxReadFrame = 64 * 1024
	// maxWriteFrame is the largest one sent, whatever the host allows: the port's driver takes 32 KiB at a time.
	maxWriteFrame = 32*1024 - frameHeaderBytes
	// maxControlBytes bounds what waits to be written besides data: more means a host that makes work and does not read.
	maxControlBytes = 4 << 20
	// maxHeaderListBytes bounds the headers of one answer.
	maxHeaderListBytes = 16 * 1024

	frameHeaderBytes = 9
	// defaultWindow is that of both ends before they say otherwise (RFC 9113 section 6.9.2).
	defaultWindow = 65_535
	defaultFrame  = 16_384
	maxStreamID   = 1<<31 - 1
)
