package process

import (
	"math/bits"
	"os"
	"sync"

	"golang.org/x/sys/unix"

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
// the process never waits for a reader that is gone.
type output struct {
	mu       sync.Mutex
	attached *Sink
	open     uint8 // bit n: the output with frame type n has not ended
	exit     *frame
	kinds    uint8 // all outputs there are
}

// newOutput knows all outputs before any ends.
func newOutput(kinds ...byte) *output {
	o := &output{}
	for _, kind := range kinds {
		o.kinds |= 1 << kind
	}
	o.open = o.kinds
	return o
}

// pump carries one output until its end.
func (o *output) pump(kind byte, from *os.File) {
	defer from.Close()
	raw, err := from.SyscallConn()
	var (
		lent *[]byte
		n    int
	)
	// An idle output must not hold a buffer: it is lent only for a read that finds something.
	read := func(fd uintptr) bool {
		lent = buffers.Get().(*[]byte)
		for {
			n, err = unix.Read(int(fd), (*lent)[contract.FrameHeaderBytes:])
			if err != unix.EINTR {
				break
			}
		}
		if n > 0 {
			return true
		}
		buffers.Put(lent)
		return err != unix.EAGAIN
	}
	for err == nil {
		if waitErr := raw.Read(read); waitErr != nil || err != nil || n <= 0 {
			break // a terminal whose last user is gone fails with EIO
		}
		contract.PutFrameHeader(*lent, kind, n)
		o.deliver(frame{bytes: (*lent)[:contract.FrameHeaderBytes+n], lent: lent})
	}
	o.ended(kind)
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
