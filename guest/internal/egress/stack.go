package egress

import (
	"fmt"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv6"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
)

// nic is the number of the stack's only network card.
const nic = 1

const (
	// timeWait is short: what could come late on a link with a latency of a few microseconds?
	timeWait = time.Second
	// lingerTimeout is how long a connection that both sides of the device have given up waits for the guest's kernel to agree.
	lingerTimeout = 10 * time.Second
	// retries of a segment, from 200 ms on and twice as long each time: 25 s in all. The kernel at the other end answers as
	// long as it lives.
	retries    = 6
	synRetries = 4
)

// Buffers of a connection. They take memory only for what is in them, and when there are many connections each may hold
// less: all together at most bufferBudget, or 64 KiB each where that is more.
const (
	bufferBudget   = 32 << 20
	minBufferBytes = 64 * 1024
	maxBufferBytes = 1 << 20
)

// bufferBytes is what each of so many connections may hold in one direction.
func bufferBytes(connections int) int {
	return min(maxBufferBytes, max(minBufferBytes, bufferBudget/max(1, connections)))
}

// newStack makes a stack that takes every address for its own.
func newStack(l *link) (*stack.Stack, error) {
	s := stack.New(stack.Options{
		NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol, ipv6.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol},
	})
	for _, option := range []tcpip.SettableTransportProtocolOption{
		option(tcpip.TCPTimeWaitTimeoutOption(timeWait)),
		option(tcpip.TCPLingerTimeoutOption(lingerTimeout)),
		option(tcpip.TCPMaxRetriesOption(retries)),
		option(tcpip.TCPSynRetriesOption(synRetries)),
		// Fixed sizes do as well on so short a link, and are bounded.
		option(tcpip.TCPModerateReceiveBufferOption(false)),
	} {
		if err := s.SetTransportProtocolOption(tcp.ProtocolNumber, option); err != nil {
			return nil, fmt.Errorf("option %T: %s", option, err)
		}
	}
	if err := s.CreateNIC(nic, l); err != nil {
		return nil, fmt.Errorf("network card: %s", err)
	}
	if err := s.SetPromiscuousMode(nic, true); err != nil {
		return nil, fmt.Errorf("promiscuous mode: %s", err)
	}
	if err := s.SetSpoofing(nic, true); err != nil {
		return nil, fmt.Errorf("spoofing: %s", err)
	}
	s.SetRouteTable([]tcpip.Route{
		{Destination: header.IPv4EmptySubnet, NIC: nic},
		{Destination: header.IPv6EmptySubnet, NIC: nic},
	})
	return s, nil
}

// option makes an option's value the pointer that the stack wants.
func option[T any, P interface {
	*T
	tcpip.SettableTransportProtocolOption
}](value T) tcpip.SettableTransportProtocolOption {
	return P(&value)
}
