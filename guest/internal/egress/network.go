// Package egress is the guest's way out: it splits the packets of tun0 into flows. Each flow is a stream to the host,
// which decides whether it may proceed. The contract is packages/egress/src/port/contract.ts.
//
// gVisor's stack handles TCP and treats every address as its own; it accepts a connection only after the host has
// opened it. Datagrams are simple enough to parse by hand. Everything else a kernel or raw socket can send is dropped;
// pings are answered with an error.
package egress

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"

	"sandkeep.dev/guest/internal/tunnel"
)

// Maximum number of simultaneous flows; further ones are refused. Each costs a few kilobytes plus its buffers.
const (
	maxConnections   = 4096
	maxDatagramFlows = 1024
)

const (
	// sessionPatience is how long a new flow waits for a host: for a clone that was just assigned, or a proxy that is
	// restarting.
	sessionPatience = 5 * time.Second
	// answerPatience is how long it waits for the host's answer. The host has limits of its own; the kernel gives up
	// after 130 s.
	answerPatience = 100 * time.Second
)

// Config configures a network.
type Config struct {
	Device Device
	// Addresses are the guest's own on the device. Packets from other addresses are dropped.
	Addresses []netip.Addr
	Gate      *tunnel.Gate
	// Process names the process behind a flow, in the header's form; may be nil. It must be quick.
	Process func(protocol byte, source, target netip.AddrPort) string
}

// Network is the guest's end of all flows.
type Network struct {
	config  Config
	own     map[netip.Addr]bool
	link    *link
	stack   *stack.Stack
	forward *tcp.Forwarder
	// patience is how long a new flow waits for a host.
	patience time.Duration

	connections atomic.Int32
	// opening holds the quotes of pending connections, needed to refuse them.
	openingMu sync.Mutex
	opening   map[flowKey][]byte

	datagrams datagramFlows
}

// flowKey identifies a flow.
type flowKey struct{ source, target netip.AddrPort }

// New makes a network. It does nothing until Run.
func New(config Config) (*Network, error) {
	n := &Network{config: config, own: map[netip.Addr]bool{}, link: &link{device: config.Device}, opening: map[flowKey][]byte{}, patience: sessionPatience}
	for _, address := range config.Addresses {
		n.own[address] = true
	}
	var err error
	if n.stack, err = newStack(n.link); err != nil {
		return nil, err
	}
	n.forward = tcp.NewForwarder(n.stack, maxBufferBytes, maxConnections, n.connect)
	n.stack.SetTransportProtocolHandler(tcp.ProtocolNumber, n.takeSegment)
	n.datagrams.flows = map[flowKey]*datagramFlow{}
	return n, nil
}

// Run reads packets from the device until reading fails.
func (n *Network) Run() error {
	var read *buffer.View
	for {
		if read == nil {
			read = buffer.NewViewSize(MTU)
		}
		size, err := n.config.Device.Read(read.AsSlice())
		if err != nil {
			return err
		}
		if n.take(read.AsSlice()[:size], read) {
			read = nil
		}
	}
}

// take handles one packet. It returns whether it has taken the buffer.
func (n *Network) take(raw []byte, read *buffer.View) (tookBuffer bool) {
	p, ok := parse(raw)
	if !ok || !n.own[p.source.Addr()] || n.own[p.target.Addr()] {
		return false
	}
	switch p.protocol {
	case protocolTCP:
		if p.isSYN() && !n.noteOpening(&p) {
			n.refuse(p.quote(), portUnreachable)
			return false
		}
		return n.link.deliver(&p, read)
	case protocolUDP:
		n.takeDatagram(&p)
	default:
		if p.isEcho() {
			n.refuse(p.quote(), prohibited)
		}
	}
	return false
}

// refuse answers a packet with an error.
func (n *Network) refuse(quote []byte, why reason) {
	_ = n.config.Device.Write([][]byte{unreachable(quote, why)}, PartialSum{})
}

// open asks the host for a flow and waits for its answer.
func (n *Network) open(protocol byte, key flowKey) (*tunnel.Stream, error) {
	ctx, cancel := context.WithTimeout(context.Background(), n.patience)
	defer cancel()
	request := tunnel.Request{UDP: protocol == protocolUDP, Authority: key.target.String()}
	session, err := n.config.Gate.Session(ctx)
	if err != nil {
		return nil, &tunnel.Refused{Errno: "ENETUNREACH"}
	}
	if n.config.Process != nil {
		request.Process = n.config.Process(protocol, key.source, key.target)
	}
	stream, err := session.Open(request)
	if err != nil {
		return nil, err
	}
	answer, giveUp := context.WithTimeout(context.Background(), answerPatience)
	defer giveUp()
	return stream, stream.Wait(answer)
}

// reasonOf returns the reason to report to the guest. Without one from the host it is "network unreachable".
func reasonOf(err error) reason {
	var refused *tunnel.Refused
	if errors.As(err, &refused) {
		if why, ok := reasons[refused.Errno]; ok {
			return why
		}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return hostUnreachable
	}
	return networkUnreachable
}

// addrPort converts an address of the stack's.
func addrPort(address tcpip.Address, port uint16) netip.AddrPort {
	addr, _ := netip.AddrFromSlice(address.AsSlice())
	return netip.AddrPortFrom(addr, port)
}
