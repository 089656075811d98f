package egress

import (
	"bytes"
	"errors"
	"io"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/waiter"

	"sandkeep.dev/guest/internal/guard"
	"sandkeep.dev/guest/internal/tunnel"
)

// noteOpening keeps what an error about the pending connection must quote. It returns false if too many are pending.
func (n *Network) noteOpening(p *packet) bool {
	n.openingMu.Lock()
	defer n.openingMu.Unlock()
	key := flowKey{p.source, p.target}
	if n.opening[key] != nil { // retransmitted
		return true
	}
	if len(n.opening) >= maxConnections || n.connections.Load() >= maxConnections {
		return false
	}
	n.opening[key] = p.quote()
	return true
}

func (n *Network) forgetOpening(key flowKey) (quote []byte) {
	n.openingMu.Lock()
	defer n.openingMu.Unlock()
	quote = n.opening[key]
	delete(n.opening, key)
	return quote
}

// takeSegment handles segments that belong to no connection. Anything but a SYN is answered with a reset.
func (n *Network) takeSegment(id stack.TransportEndpointID, pkt *stack.PacketBuffer) bool {
	if n.forward.HandlePacket(id, pkt) {
		return true
	}
	n.forgetOpening(keyOf(id))
	return false
}

func keyOf(id stack.TransportEndpointID) flowKey {
	return flowKey{addrPort(id.RemoteAddress, id.RemotePort), addrPort(id.LocalAddress, id.LocalPort)}
}

// connect accepts the guest's connection only after the host has opened its side.
func (n *Network) connect(request *tcp.ForwarderRequest) {
	defer guard.Recover("connection")
	n.connections.Add(1)
	key := keyOf(request.ID())
	stream, err := n.open(protocolTCP, key)
	if err != nil && !wasReset(err) {
		n.decline(request, key, reasonOf(err))
		return
	}
	c := &connection{network: n}
	endpoint, failed := request.CreateEndpoint(&c.events)
	request.Complete(false)
	n.forgetOpening(key)
	if failed != nil { // the guest has given up meanwhile
		n.connections.Add(-1)
		if err == nil {
			stream.Reset()
		}
		return
	}
	c.endpoint = endpoint
	if err != nil {
		c.Reset()
		return
	}
	c.start(stream)
}

// wasReset reports whether the host's connection was opened and then reset; the guest then sees a reset too.
func wasReset(err error) bool {
	var refused *tunnel.Refused
	return errors.As(err, &refused) && refused.Errno == "ECONNRESET"
}

// decline refuses a connection that was not accepted.
func (n *Network) decline(request *tcp.ForwarderRequest, key flowKey, why reason) {
	n.connections.Add(-1)
	quote := n.forgetOpening(key)
	if why == portUnreachable || quote == nil {
		request.Complete(true)
		return
	}
	n.refuse(quote, why)
	request.Complete(false)
}

// connection is the guest's end of an accepted connection.
type connection struct {
	network  *Network
	events   waiter.Queue
	endpoint tcpip.Endpoint
}

// start attaches the connection to its stream.
func (c *connection) start(stream *tunnel.Stream) {
	if size := bufferBytes(int(c.network.connections.Load())); size < maxBufferBytes {
		c.endpoint.SocketOptions().SetReceiveBufferSize(int64(size), true)
	}
	c.endpoint.SocketOptions().SetSendBufferSize(int64(bufferBytes(int(c.network.connections.Load()))), true)
	// Called with the stack's locks held: it may only signal.
	entry := waiter.NewFunctionEntry(waiter.ReadableEvents|waiter.WritableEvents|waiter.EventHUp|waiter.EventErr, func(events waiter.EventMask) {
		if events&(waiter.ReadableEvents|waiter.EventHUp|waiter.EventErr) != 0 {
			stream.Readable()
		}
		if events&waiter.WritableEvents != 0 {
			stream.Writable()
		}
	})
	c.events.EventRegister(&entry)
	if stream.Start(c) != nil {
		c.Reset()
	}
}

var errReset = errors.New("the guest has reset the connection")

func (c *connection) Pull(p []byte) (int, error) {
	if len(p) == 0 {
		return c.state()
	}
	to := tcpip.SliceWriter(p)
	result, err := c.endpoint.Read(&to, tcpip.ReadOptions{})
	switch err.(type) {
	case nil:
		return result.Count, nil
	case *tcpip.ErrWouldBlock:
		return 0, nil
	case *tcpip.ErrClosedForReceive:
		return 0, io.EOF
	}
	return 0, errReset
}

// state reports whether the guest has ended its side and everything before the end has been pulled.
func (c *connection) state() (int, error) {
	_, err := c.endpoint.Read(io.Discard, tcpip.ReadOptions{Peek: true})
	switch err.(type) {
	case nil, *tcpip.ErrWouldBlock:
		return 0, nil
	case *tcpip.ErrClosedForReceive:
		return 0, io.EOF
	}
	return 0, errReset
}

func (c *connection) Push(p []byte) (int, error) {
	n, err := c.endpoint.Write(bytes.NewReader(p), tcpip.WriteOptions{})
	switch err.(type) {
	case nil, *tcpip.ErrWouldBlock:
		return int(n), nil
	}
	return int(n), errReset
}

func (c *connection) End() { _ = c.endpoint.Shutdown(tcpip.ShutdownWrite) }

func (c *connection) Close() {
	c.endpoint.Close()
	c.network.connections.Add(-1)
}

func (c *connection) Reset() {
	c.endpoint.Abort()
	c.network.connections.Add(-1)
}
