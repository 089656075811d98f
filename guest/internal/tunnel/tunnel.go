// Package tunnel is the guest's side of the egress port: an HTTP/2 client with prior knowledge, for streams whose
// bodies are the bytes of flows. The contract is packages/egress/src/port/contract.ts.
//
// It handles thousands of flows in little memory: a flow has no goroutine or buffer of its own. A session has three
// goroutines. One reads frames and pushes their data into flows; one pulls from flows and writes frames; one pushes
// data that a flow could not take at first. So a flow must never block, only report that it has no data or no room.
package tunnel

import (
	"errors"
	"fmt"
)

// Flow is the guest's end of a stream. Its methods are called without any of the session's locks; Push and End are
// never called concurrently. Close or Reset is called once; a Pull or Push already in progress may run after it.
type Flow interface {
	// Pull copies bytes from the guest into p, without waiting. (0, nil) means none now: [Stream.Readable] signals when
	// there are. io.EOF means that the guest has ended its side, any other error that it has reset the flow; both are
	// returned for an empty p too.
	Pull(p []byte) (n int, err error)
	// Push passes bytes to the guest, without waiting. It takes as many as there is room for: [Stream.Writable] signals
	// when there is more room.
	Push(p []byte) (n int, err error)
	// End says that the host has ended its side.
	End()
	// Close is called when both sides have ended the flow.
	Close()
	// Reset is called when the flow ends in any other way.
	Reset()
}

// Refused is the error of a flow that the host did not open.
type Refused struct {
	// Errno is the name of the reason, such as "ECONNREFUSED".
	Errno string
}

func (r *Refused) Error() string { return fmt.Sprintf("refused: %s", r.Errno) }

// ErrEnded is the error of every operation on a session that has ended.
var ErrEnded = errors.New("the session has ended")

// Request asks for a flow.
type Request struct {
	// UDP asks for a datagram flow rather than a connection.
	UDP bool
	// Authority is the destination: "192.0.2.1:443", "[2001:db8::1]:443".
	Authority string
	// Process names the process that asks, in the header's form; may be empty.
	Process string
}

const (
	// initialWindow is how much the host may send on a new stream. The window grows when the bytes are taken.
	initialWindow = 64 * 1024
	// maxWindow is the largest window of a stream: about ten times what the port moves in a round trip.
	maxWindow = 1 << 20
	// sharedWindow is divided between the open streams, with at least initialWindow each: it limits what they hold when
	// nobody in the guest reads.
	sharedWindow = 32 << 20
	// connectionWindow applies only between frames: bytes are credited on arrival, because a stream that is not read
	// must not stall the others. The streams' windows limit memory.
	connectionWindow = 16 << 20
	// maxReadFrame is the largest frame that the host may send.
	maxReadFrame = 64 * 1024
	// maxWriteFrame is the largest frame sent, whatever the host allows: the port's driver takes 32 KiB at a time.
	maxWriteFrame = 32*1024 - frameHeaderBytes
	// maxControlBytes limits queued frames other than data: beyond it, the host causes work without reading the
	// results.
	maxControlBytes = 4 << 20
	// maxHeaderListBytes limits the headers of one answer.
	maxHeaderListBytes = 16 * 1024

	frameHeaderBytes = 9
	// defaultWindow applies to both ends until their settings change it (RFC 9113 section 6.9.2).
	defaultWindow = 65_535
	defaultFrame  = 16_384
	maxStreamID   = 1<<31 - 1
)
