package egress

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/checksum"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/channel"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv6"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/icmp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"

	"sandkeep.dev/guest/internal/tunnel"
)

// patience limits every wait in these tests.
const patience = 20 * time.Second

var (
	guest4 = netip.MustParseAddr("100.100.100.2")
	guest6 = netip.MustParseAddr("fd64:6464:6464::2")
)

// world is a guest's kernel (a second stack), its network, and a host that may come and go.
type world struct {
	t       *testing.T
	kernel  *stack.Stack
	card    *channel.Endpoint
	gate    *tunnel.Gate
	network *Network
	// sent holds packets other than TCP and UDP that the network sent to the kernel.
	errors chan []byte
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		t: t, gate: &tunnel.Gate{}, errors: make(chan []byte, 64),
		card: channel.New(4096, MTU, ""),
		kernel: stack.New(stack.Options{
			NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol, ipv6.NewProtocol},
			TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol, udp.NewProtocol, icmp.NewProtocol4, icmp.NewProtocol6},
		}),
	}
	if err := w.kernel.CreateNIC(nic, w.card); err != nil {
		t.Fatal(err)
	}
	for protocol, address := range map[tcpip.NetworkProtocolNumber]netip.Addr{header.IPv4ProtocolNumber: guest4, header.IPv6ProtocolNumber: guest6} {
		own := tcpip.ProtocolAddress{Protocol: protocol, AddressWithPrefix: tcpip.AddrFromSlice(address.AsSlice()).WithPrefix()}
		if err := w.kernel.AddProtocolAddress(nic, own, stack.AddressProperties{}); err != nil {
			t.Fatal(err)
		}
	}
	w.kernel.SetRouteTable([]tcpip.Route{{Destination: header.IPv4EmptySubnet, NIC: nic}, {Destination: header.IPv6EmptySubnet, NIC: nic}})
	network, err := New(Config{Device: w, Addresses: []netip.Addr{guest4, guest6}, Gate: w.gate})
	if err != nil {
		t.Fatal(err)
	}
	w.network = network
	ran := make(chan struct{})
	go func() {
		defer close(ran)
		_ = network.Run()
	}()
	t.Cleanup(func() {
		w.card.Close()
		<-ran
		w.kernel.Close()
		network.stack.Close()
	})
	return w
}

// Read returns what the kernel sends.
func (w *world) Read(into []byte) (int, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*patience)
	defer cancel()
	pkt := w.card.ReadContext(ctx)
	if pkt == nil {
		return 0, io.EOF
	}
	defer pkt.DecRef()
	view := pkt.ToView()
	defer view.Release()
	return copy(into, view.AsSlice()), nil
}

// Write hands a packet to the kernel, which validates every checksum.
func (w *world) Write(parts [][]byte, sum PartialSum) error {
	var packet []byte
	for _, part := range parts {
		packet = append(packet, part...)
	}
	if sum.Offset != 0 {
		field := packet[sum.Start+sum.Offset:]
		whole := ^checksum.Checksum(packet[sum.Start:], 0)
		field[0], field[1] = byte(whole>>8), byte(whole)
	} else {
		select {
		case w.errors <- packet:
		default:
		}
	}
	pkt := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: buffer.MakeWithData(packet)})
	defer pkt.DecRef()
	if packet[0]>>4 == 4 {
		w.card.InjectInbound(header.IPv4ProtocolNumber, pkt)
	} else {
		w.card.InjectInbound(header.IPv6ProtocolNumber, pkt)
	}
	return nil
}

// send sends a packet that no kernel would.
func (w *world) send(packet []byte) {
	view := buffer.NewViewSize(MTU)
	size := copy(view.AsSlice(), packet)
	w.network.take(view.AsSlice()[:size], view)
}

// dial connects as a program in the guest does.
func (w *world) dial(target string) (*gonet.TCPConn, error) {
	to := netip.MustParseAddrPort(target)
	protocol := ipv4.ProtocolNumber
	if to.Addr().Is6() {
		protocol = ipv6.ProtocolNumber
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	address := tcpip.FullAddress{Addr: tcpip.AddrFromSlice(to.Addr().AsSlice()), Port: to.Port()}
	conn, err := gonet.DialContextTCP(ctx, w.kernel, address, protocol)
	if err == nil {
		w.t.Cleanup(func() { conn.Close() })
		_ = conn.SetDeadline(time.Now().Add(patience))
	}
	return conn, err
}

func (w *world) mustDial(target string) *gonet.TCPConn {
	w.t.Helper()
	conn, err := w.dial(target)
	if err != nil {
		w.t.Fatal(err)
	}
	return conn
}

// host serves the gate until the test ends, or the returned function is called.
func (w *world) host(handler http.HandlerFunc) (leave func()) {
	ours, theirs := connPair(w.t)
	var running sync.WaitGroup
	running.Add(2)
	go func() { defer running.Done(); w.gate.Serve(theirs) }()
	go func() {
		defer running.Done()
		server := &http2.Server{MaxConcurrentStreams: 8192, MaxUploadBufferPerConnection: 16 << 20, MaxUploadBufferPerStream: 1 << 20}
		server.ServeConn(ours, &http2.ServeConnOpts{Handler: handler})
	}()
	var once sync.Once
	leave = func() { once.Do(func() { ours.Close(); running.Wait() }) }
	w.t.Cleanup(leave)
	return leave
}

// connPair is a connection that buffers some bytes, as the port does.
func connPair(t *testing.T) (net.Conn, net.Conn) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	var conns [2]net.Conn
	for i, fd := range fds {
		file := os.NewFile(uintptr(fd), "pair")
		if conns[i], err = net.FileConn(file); err != nil {
			t.Fatal(err)
		}
		file.Close()
		t.Cleanup(func() { conns[i].Close() })
	}
	return conns[0], conns[1]
}

// accept accepts a flow, so that bytes can be written.
func accept(w http.ResponseWriter) {
	w.WriteHeader(http.StatusOK)
	w.(http.Flusher).Flush()
}

// echo accepts every flow and sends back what it receives.
func echo(w http.ResponseWriter, r *http.Request) {
	accept(w)
	_, _ = io.Copy(flushing{w}, r.Body)
}

// flushing sends each piece at once.
type flushing struct{ http.ResponseWriter }

func (f flushing) Write(p []byte) (int, error) {
	n, err := f.ResponseWriter.Write(p)
	f.ResponseWriter.(http.Flusher).Flush()
	return n, err
}

// refuseWith refuses every flow.
func refuseWith(errno string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("sandkeep-errno", errno)
		w.WriteHeader(http.StatusBadGateway)
	}
}

// eventually polls for a condition that no event announces.
func eventually(t *testing.T, what string, check func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !check(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("not in time: " + what)
		}
	}
}

var errTimeout = errors.New("nothing in time")

// within waits for a value from a channel.
func within[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	select {
	case got := <-from:
		return got
	case <-time.After(patience):
		t.Fatal(errTimeout)
		panic("unreachable")
	}
}
