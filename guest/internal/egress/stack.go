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
	// timeWait is short: the link's latency is a few microseconds, so nothing arrives late.
	timeWait = time.Second
	// lingerTimeout is how long a connection that both sides have closed waits for the guest's kernel to acknowledge.
	lingerTimeout = 10 * time.Second
	// retries of a segment, starting at 200 ms and doubling: 25 s in all. The kernel at the other end answers as long
	// as it runs.
	retries    = 6
	synRetries = 4
)

// Buffers of a connection. They use memory only for what they hold. With many connections each may hold less: together
// at most bufferBudget, or 64 KiB each if that is more.
const (
	bufferBudget   = 32 << 20
	minBufferBytes = 64 * 1024
	maxBufferBytes = 1 << 20
)

// bufferBytes is how much each of the given number of connections may hold per direction.
func bufferBytes(connections int) int {
	return min(maxBufferBytes, max(minBufferBytes, bufferBudget/max(1, connections)))
}

// newStack makes a stack that treats every address as its own.
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
		// On such a short link fixed sizes perform equally well, and they are bounded.
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

// option wraps an option's value as the pointer that the stack expects.
func option[T any, P interface {
	*T
	tcpip.SettableTransportProtocolOption
}](value T) tcpip.SettableTransportProtocolOption {
	return P(&value)
}
