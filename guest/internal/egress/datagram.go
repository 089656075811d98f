package egress

import (
	"encoding/binary"
	"sync"
	"time"

	"sandkeep.dev/guest/internal/contract"
	"sandkeep.dev/guest/internal/guard"
	"sandkeep.dev/guest/internal/tunnel"
)

const (
	// maxDatagramQueueBytes limits the datagrams that wait for the host; further ones are dropped, as on any network.
	maxDatagramQueueBytes = 256 * 1024
	lengthBytes           = 2
)

// How long a flow may be idle. A DNS flow is done once answered, but another query may follow at once.
const (
	idleTimeout     = 60 * time.Second
	resolverTimeout = 10 * time.Second
	answeredTimeout = time.Second
	resolverPort    = 53
)

// datagramFlows holds the open datagram flows.
type datagramFlows struct {
	mu    sync.Mutex
	flows map[flowKey]*datagramFlow
}

// datagramFlow is the guest's end of the datagrams between one of its ports and a remote address and port.
type datagramFlow struct {
	network *Network
	key     flowKey
	quote   []byte

	mu     sync.Mutex
	stream *tunnel.Stream // nil until the host has accepted
	queue  []byte         // datagrams for the host, each preceded by its length
	idle   *time.Timer
	last   time.Time
	asked  int // datagrams without an answer
	closed bool

	partial []byte // beginning of a datagram from the host
}

// takeDatagram sends a datagram to the host, opening a flow if necessary.
func (n *Network) takeDatagram(p *packet) {
	if len(p.payload) > contract.MaxDatagramBytes {
		return
	}
	key := flowKey{p.source, p.target}
	n.datagrams.mu.Lock()
	flow := n.datagrams.flows[key]
	isNew := flow == nil
	if isNew {
		if len(n.datagrams.flows) >= maxDatagramFlows {
			n.datagrams.mu.Unlock()
			n.refuse(p.quote(), portUnreachable)
			return
		}
		flow = &datagramFlow{network: n, key: key, quote: p.quote()}
		n.datagrams.flows[key] = flow
	}
	n.datagrams.mu.Unlock()
	flow.enqueue(p.payload)
	if isNew {
		guard.Go("datagrams", flow.open)
	}
}

func (f *datagramFlow) enqueue(payload []byte) {
	f.mu.Lock()
	f.last = time.Now()
	f.asked++
	if len(f.queue)+lengthBytes+len(payload) <= maxDatagramQueueBytes {
		f.queue = binary.BigEndian.AppendUint16(f.queue, uint16(len(payload)))
		f.queue = append(f.queue, payload...)
	}
	stream := f.stream
	f.mu.Unlock()
	if stream != nil {
		stream.Readable()
	}
}

// open asks the host for the flow.
func (f *datagramFlow) open() {
	stream, err := f.network.open(protocolUDP, f.key)
	if err != nil {
		f.forget()
		f.network.refuse(f.quote, reasonOf(err))
		return
	}
	f.mu.Lock()
	f.stream = stream
	f.idle = time.AfterFunc(f.timeout(), f.expire)
	f.mu.Unlock()
	if stream.Start(f) != nil {
		f.Reset()
	}
}

// timeout is how long the flow may be idle now. The caller holds the lock.
func (f *datagramFlow) timeout() time.Duration {
	switch {
	case f.key.target.Port() != resolverPort:
		return idleTimeout
	case f.asked <= 0:
		return answeredTimeout
	}
	return resolverTimeout
}

// expire ends an idle flow, or reschedules itself.
func (f *datagramFlow) expire() {
	f.mu.Lock()
	rest := f.timeout() - time.Since(f.last)
	if rest > 0 && !f.closed {
		f.idle.Reset(rest)
		f.mu.Unlock()
		return
	}
	f.mu.Unlock()
	f.stream.Reset()
	f.Reset()
}

// forget removes the flow, so that the next datagram opens a new one.
func (f *datagramFlow) forget() {
	f.network.datagrams.mu.Lock()
	defer f.network.datagrams.mu.Unlock()
	if f.network.datagrams.flows[f.key] == f {
		delete(f.network.datagrams.flows, f.key)
	}
}

func (f *datagramFlow) Pull(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := copy(p, f.queue)
	if f.queue = f.queue[n:]; len(f.queue) == 0 {
		f.queue = nil
	}
	return n, nil
}

// Push reassembles datagrams from the host's bytes and sends them as packets.
func (f *datagramFlow) Push(p []byte) (int, error) {
	size := len(p)
	if len(f.partial) > 0 {
		p = append(f.partial, p...)
		f.partial = nil
	}
	for len(p) >= lengthBytes {
		length := int(binary.BigEndian.Uint16(p))
		if len(p)-lengthBytes < length {
			break
		}
		f.answer(p[lengthBytes : lengthBytes+length])
		p = p[lengthBytes+length:]
	}
	if len(p) > 0 {
		f.partial = append([]byte(nil), p...)
	}
	return size, nil
}

// answer sends a datagram to the guest.
func (f *datagramFlow) answer(payload []byte) {
	f.mu.Lock()
	if f.last = time.Now(); f.asked > 0 {
		if f.asked--; f.asked == 0 && f.key.target.Port() == resolverPort && f.idle != nil {
			f.idle.Reset(answeredTimeout)
		}
	}
	f.mu.Unlock()
	source, target := f.key.target, f.key.source
	head, headerBytes := []byte(nil), ipv4HeaderBytes
	if source.Addr().Is6() {
		headerBytes = ipv6HeaderBytes
	}
	if headerBytes+udpHeaderBytes+len(payload) > MTU {
		return
	}
	head = make([]byte, headerBytes+udpHeaderBytes)
	if source.Addr().Is6() {
		putIPv6(head, protocolUDP, source.Addr().AsSlice(), target.Addr().AsSlice(), len(payload))
	} else {
		putIPv4(head, protocolUDP, source.Addr().AsSlice(), target.Addr().AsSlice(), len(payload))
	}
	udp := head[headerBytes:]
	binary.BigEndian.PutUint16(udp, source.Port())
	binary.BigEndian.PutUint16(udp[2:], target.Port())
	binary.BigEndian.PutUint16(udp[4:], uint16(udpHeaderBytes+len(payload)))
	binary.BigEndian.PutUint16(udp[udpChecksumOffset:], pseudoSum(head, len(head)+len(payload)))
	_ = f.network.config.Device.Write([][]byte{head, payload}, PartialSum{Start: uint16(headerBytes), Offset: udpChecksumOffset})
}

// End and Close end the flow; the next datagram opens a new one.
func (f *datagramFlow) End() {
	f.stream.Reset()
	f.Reset()
}

func (f *datagramFlow) Close() { f.Reset() }

func (f *datagramFlow) Reset() {
	f.mu.Lock()
	f.closed = true
	f.idle.Stop()
	f.mu.Unlock()
	f.forget()
}
