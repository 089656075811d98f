package main

import (
	"context"
	"net"
	"time"

	"sandkeep.dev/guest/internal/transport"
	"sandkeep.dev/guest/internal/tunnel"
)

const (
	// patience limits how long opening a connection takes, including the wait for a proxy.
	patience = 30 * time.Second
	// resolver is where machines send name lookups; the proxy answers them at any address.
	resolver = "100.100.100.100:53"
)

// machine stands for a machine: it has nothing but its egress port.
type machine struct {
	gate     tunnel.Gate
	resolver net.Resolver
}

// listen serves an egress port on a unix socket from now on.
func listen(socket string) (*machine, error) {
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return nil, err
	}
	m := newMachine()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			transport.ServeSocket(conn, m.gate.Serve)
		}
	}()
	return m, nil
}

func newMachine() *machine {
	m := &machine{}
	m.resolver = net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return m.open(ctx, resolver)
	}}
	return m
}

// dial looks up a name and connects to its address, as programs do.
func (m *machine) dial(ctx context.Context, _, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	name, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	// The dot keeps the host's search list out of it.
	addresses, err := m.resolver.LookupNetIP(ctx, "ip4", name+".")
	if err != nil {
		return nil, err
	}
	return m.open(ctx, net.JoinHostPort(addresses[0].Unmap().String(), port))
}

// open connects to an address and port.
func (m *machine) open(ctx context.Context, authority string) (net.Conn, error) {
	session, err := m.gate.Session(ctx)
	if err != nil {
		return nil, err
	}
	stream, err := session.Open(tunnel.Request{Authority: authority})
	if err != nil {
		return nil, err
	}
	if err := stream.Wait(ctx); err != nil {
		return nil, err
	}
	c := newConnection(stream)
	return c, stream.Start(flow{c})
}
