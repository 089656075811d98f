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

// frame is a piece of output on its way to the host. The buffer is lent by the pool, or nil for short ones.
type frame struct {
	bytes []byte
	lent  *[]byte
	// last marks the end of an output, and the exit.
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

// output gathers what a process prints and hands it to whoever is attached; without anybody it is thrown away, so that
// the process never waits for a host that is gone.
type output struct {
	over chan struct{} // closed when the process has ended

	mu       sync.Mutex
	attached *Sink
	files    [8]*os.File // by frame type: what the outputs are read from
	open     uint8       // bit n: the output with frame type n has not ended
	exit     *frame
	kinds    uint8 // all outputs there are
}

// newOutput knows all outputs before any ends.
func newOutput(reads ...read) *output {
	o := &output{over: make(chan struct{})}
	for _, r := range reads {
		o.kinds |= 1 << r.kind
		o.files[r.kind] = r.file
	}
	o.open = o.kinds
	return o
}

// pump carries one output until everybody has closed it, or the host has, or the process is over and what it printed has
// been carried. What others print after that is thrown away: to close the pipe would end them.
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

// close makes the process see a closed pipe. After its end nothing happens: what it left behind goes on.
func (o *output) close(kind byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if file := o.files[kind]; file != nil && o.exit == nil {
		file.Close() // the pump notices
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

// exited tells the exit. It never waits: the caller reaps for all.
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
			_ = file.SetReadDeadline(time.Now()) // wakes the pump that waits
		}
	}
}

// attach makes a new sink the reader from now on; one that was attached before ends.
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
