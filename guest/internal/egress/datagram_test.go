package egress

import (
	"bytes"
	"encoding/binary"
	"io"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv6"
)

// dialUDP returns a connected UDP socket.
func (w *world) dialUDP(target string) *gonet.UDPConn {
	w.t.Helper()
	to := netip.MustParseAddrPort(target)
	protocol := ipv4.ProtocolNumber
	if to.Addr().Is6() {
		protocol = ipv6.ProtocolNumber
	}
	conn, err := gonet.DialUDP(w.kernel, nil, &tcpip.FullAddress{Addr: tcpip.AddrFromSlice(to.Addr().AsSlice()), Port: to.Port()}, protocol)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return conn
}

func (w *world) datagramFlows() int {
	w.network.datagrams.mu.Lock()
	defer w.network.datagrams.mu.Unlock()
	return len(w.network.datagrams.flows)
}

func TestDatagramsPassBothWays(t *testing.T) {
	w := newWorld(t)
	asked := make(chan string, 4)
	w.host(func(rw http.ResponseWriter, r *http.Request) {
		asked <- r.Method + " " + r.URL.Path + " " + r.Host
		echo(rw, r)
	})
	for _, target := range []string{"192.0.2.1:443", "[2001:db8::1]:443"} {
		conn := w.dialUDP(target)
		for _, size := range []int{0, 1, 1200, 65_000, 65_487} {
			payload := bytes.Repeat([]byte{byte(size)}, size)
			if _, err := conn.Write(payload); err != nil {
				t.Fatal(err)
			}
			got := make([]byte, 1<<16)
			n, err := conn.Read(got)
			if err != nil || !bytes.Equal(got[:n], payload) {
				t.Fatalf("%s: %d of %d bytes: %v", target, n, size, err)
			}
		}
		if got := within(t, asked); got != "POST /udp "+target {
			t.Fatal(got)
		}
	}
	if len(asked) != 0 {
		t.Fatal("a flow was asked for twice: " + <-asked)
	}
}

func TestARefusedDatagramIsAnError(t *testing.T) {
	w := newWorld(t)
	w.host(refuseWith("ECONNREFUSED"))
	conn := w.dialUDP("192.0.2.1:443")
	if _, err := conn.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	packet := within(t, w.errors)
	if kind, code := packet[ipv4HeaderBytes], packet[ipv4HeaderBytes+1]; kind != unreachable4 || code != portUnreachable.code4 {
		t.Fatalf("type %d, code %d", kind, code)
	}
	eventually(t, "no flow left", func() bool { return w.datagramFlows() == 0 })
}

func TestAFlowThatTheHostEndsBeginsAnew(t *testing.T) {
	w := newWorld(t)
	w.host(func(rw http.ResponseWriter, r *http.Request) {
		accept(rw)
		_, _ = io.ReadFull(r.Body, make([]byte, 3))
		_, _ = rw.Write([]byte{0, 1, 'x'})
	})
	conn := w.dialUDP("192.0.2.1:443")
	for range 3 {
		if _, err := conn.Write([]byte("?")); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 9)
		if n, err := conn.Read(got); err != nil || string(got[:n]) != "x" {
			t.Fatalf("%q %v", got[:n], err)
		}
		eventually(t, "no flow left", func() bool { return w.datagramFlows() == 0 })
	}
}

func TestAnAnsweredQuestionToAResolverIsOverSoon(t *testing.T) {
	w := newWorld(t)
	w.host(echo)
	conn := w.dialUDP("100.100.100.100:53")
	if _, err := conn.Write([]byte("?")); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 9)); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	eventually(t, "no flow left", func() bool { return w.datagramFlows() == 0 })
	if took := time.Since(begun); took > resolverTimeout/2 {
		t.Fatal(took)
	}
}

func TestDatagramsForAHostThatTakesNoneAreDropped(t *testing.T) {
	w := newWorld(t)
	flow := &datagramFlow{network: w.network, key: flowKey{target: netip.MustParseAddrPort("192.0.2.1:443")}}
	for range 1000 {
		flow.enqueue(make([]byte, 1400))
	}
	if len(flow.queue) > maxDatagramQueueBytes {
		t.Fatal(len(flow.queue))
	}
	// The datagrams that arrived are complete.
	for queue := flow.queue; len(queue) > 0; {
		size := binary.BigEndian.Uint16(queue)
		if size != 1400 {
			t.Fatal(size)
		}
		queue = queue[lengthBytes+1400:]
	}
}

func TestOneDatagramFlowTooManyIsRefused(t *testing.T) {
	w := newWorld(t)
	for i := range maxDatagramFlows {
		w.network.datagrams.flows[flowKey{target: netip.AddrPortFrom(guest4, uint16(i))}] = nil
	}
	conn := w.dialUDP("192.0.2.1:443")
	if _, err := conn.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	within(t, w.errors)
}

// record keeps what a flow sends to the guest.
type record struct {
	Device
	packets [][]byte
}

func (r *record) Write(parts [][]byte, _ PartialSum) error {
	r.packets = append(r.packets, bytes.Join(parts, nil))
	return nil
}

func FuzzDatagramsFromTheHost(f *testing.F) {
	f.Add([]byte("\x00\x03abc\x00\x00\xff\xff"), 1)
	f.Add(bytes.Repeat([]byte{0, 1}, 40), 7)
	f.Fuzz(func(t *testing.T, stream []byte, size int) {
		device := &record{}
		flow := &datagramFlow{
			network: &Network{config: Config{Device: device}},
			key:     flowKey{netip.AddrPortFrom(guest6, 9), netip.MustParseAddrPort("[2001:db8::1]:9")},
		}
		for rest := stream; len(rest) > 0; {
			piece := rest[:min(max(1, size), len(rest))]
			if n, err := flow.Push(piece); n != len(piece) || err != nil {
				t.Fatal(n, err)
			}
			rest = rest[len(piece):]
		}
		for _, raw := range device.packets {
			size := int(binary.BigEndian.Uint16(stream))
			stream = stream[lengthBytes:]
			// As the kernel would see a packet in the other direction.
			p, ok := parse(raw)
			if !ok || !bytes.Equal(p.payload, stream[:size]) {
				t.Fatalf("%x", raw)
			}
			stream = stream[size:]
		}
	})
}
