package process

import (
	"math/bits"
	"os"
	"sync"
	"time"

	"sandkeep.dev/guest/internal/contract"
)

// frameBytes is a frame of the largest payload with its header.
const frameBytes = contract.FrameHeaderBytes + contract.MaxFrameBytes

var buffers = sync.Pool{New: func() any {
	buffer := make([]byte, frameBytes)
	return &buffer
}}

// frame is a piece of output for the host. The buffer comes from the pool, or is nil for short frames.
type frame struct {
	bytes []byte
	lent  *[]byte
	// last marks the end of an output, or the exit.
	last bool
}

func (f frame) release() {
	if f.lent != nil {
		buffers.Put(f.lent)
	}
}

func endFrame(kind byte) frame {
	header := make([]byte, contract.FrameHeaderBytes)
	contract.PutFrameHeader(header, kind, 0)
	return frame{bytes: header, last: true}
}

// output collects what a process prints and hands it to the attached sink. Without one it is discarded, so that the
// process never waits for a host that is gone.
type output struct {
	over chan struct{} // closed when the process has exited

	mu       sync.Mutex
	attached *Sink
	files    [8]*os.File // by frame type: where the outputs are read from
	open     uint8       // bit n: the output with frame type n has not ended
	exit     *frame
	kinds    uint8 // bit n: there is an output with frame type n
}

// newOutput registers all outputs before any can end.
func newOutput(reads ...read) *output {
	o := &output{over: make(chan struct{})}
	for _, r := range reads {
		o.kinds |= 1 << r.kind
		o.files[r.kind] = r.file
	}
	o.open = o.kinds
	return o
}

// pump carries one output until every writer has closed it, the host has closed it, or the process has exited and its
// output has been carried. Anything others print later is discarded: closing the pipe would kill them.
func (o *output) pump(kind byte, from *os.File) {
	defer from.Close()
	in, err := newOutlet(kind, from)
	if err == nil {
		in.carry(o.over, o.deliver)
	}
	o.ended(kind)
	if err == nil {
		in.discard()
	}
}

// close makes the process see a closed pipe. After the process has exited it does nothing, so that background jobs
// continue.
func (o *output) close(kind byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if file := o.files[kind]; file != nil && o.exit == nil {
		file.Close() // wakes the pump
	}
}

// deliver waits until the host takes the frame or is gone.
func (o *output) deliver(f frame) {
	o.mu.Lock()
	sink := o.attached
	o.mu.Unlock()
	sink.put(f)
}

func (o *output) ended(kind byte) {
	o.mu.Lock()
	o.open &^= 1 << kind
	sink := o.attached
	o.mu.Unlock()
	sink.put(endFrame(kind))
}

// exited reports the exit. It never blocks, because the caller reaps for all processes.
func (o *output) exited(payload []byte) {
	whole := make([]byte, contract.FrameHeaderBytes, contract.FrameHeaderBytes+len(payload))
	contract.PutFrameHeader(whole, contract.FrameExit, len(payload))
	exit := frame{bytes: append(whole, payload...), last: true}
	o.mu.Lock()
	o.exit = &exit
	sink := o.attached
	o.mu.Unlock()
	if sink != nil {
		sink.exit <- exit // has room for this one
	}
	close(o.over)
	for _, file := range o.files {
		if file != nil {
			_ = file.SetReadDeadline(time.Now()) // wakes a waiting pump
		}
	}
}

// attach makes a new sink the reader from now on, and ends the previous one.
func (o *output) attach() *Sink {
	sink := &Sink{
		output: o,
		frames: make(chan frame, 2),
		exit:   make(chan frame, 1),
		gone:   make(chan struct{}),
		left:   bits.OnesCount8(o.kinds) + 1,
	}
	o.mu.Lock()
	former := o.attached
	o.attached = sink
	for kind := byte(0); kind < 8; kind++ {
		if o.kinds&^o.open&(1<<kind) != 0 {
			sink.early = append(sink.early, endFrame(kind))
		}
	}
	if o.exit != nil {
		sink.exit <- *o.exit
	}
	o.mu.Unlock()
	former.leave()
	return sink
}
