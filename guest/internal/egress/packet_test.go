package egress

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip/checksum"

	"sandkeep.dev/guest/internal/tunnel"
)

// datagram makes a packet as the kernel would.
func datagram(source, target string, payload int) []byte {
	from, to := netip.MustParseAddrPort(source), netip.MustParseAddrPort(target)
	headerBytes := ipv4HeaderBytes
	if from.Addr().Is6() {
		headerBytes = ipv6HeaderBytes
	}
	b := make([]byte, headerBytes+udpHeaderBytes+payload)
	if from.Addr().Is6() {
		putIPv6(b, protocolUDP, from.Addr().AsSlice(), to.Addr().AsSlice(), 0)
	} else {
		putIPv4(b, protocolUDP, from.Addr().AsSlice(), to.Addr().AsSlice(), 0)
	}
	binary.BigEndian.PutUint16(b[headerBytes:], from.Port())
	binary.BigEndian.PutUint16(b[headerBytes+2:], to.Port())
	binary.BigEndian.PutUint16(b[headerBytes+4:], uint16(udpHeaderBytes+payload))
	return b
}

func TestParseTakesADatagram(t *testing.T) {
	for _, ends := range [][2]string{{"100.100.100.2:40000", "192.0.2.1:53"}, {"[fd64:6464:6464::2]:40000", "[2001:db8::1]:53"}} {
		p, ok := parse(append(datagram(ends[0], ends[1], 3), "trailing bytes"...))
		if !ok || p.source.String() != ends[0] || p.target.String() != ends[1] || len(p.payload) != 3 {
			t.Fatalf("%+v %v", p, ok)
		}
	}
}

func TestParseRefusesWhatIsNoFlows(t *testing.T) {
	change := func(at int, to ...byte) []byte {
		b := datagram("100.100.100.2:40000", "192.0.2.1:53", 8)
		copy(b[at:], to)
		return b
	}
	for name, raw := range map[string][]byte{
		"nothing":         {},
		"another version": change(0, 0x55),
		"a short header":  change(0, 0x44),
		"a long header":   change(0, 0x4f),
		"too long":        change(2, 0xff, 0xff),
		"too short":       change(2, 0, 19),
		"a first piece":   change(6, 0x20, 0),
		"a last piece":    change(6, 0, 1),
		"port 0":          change(20, 0, 0),
		"to port 0":       change(22, 0, 0),
		"UDP too long":    change(24, 0, 200),
		"UDP too short":   change(24, 0, 7),
		"no room for TCP": change(9, protocolTCP),
		"multicast":       change(16, 224, 0, 0, 1),
		"broadcast":       change(16, 255, 255, 255, 255),
		"loopback":        change(16, 127, 0, 0, 1),
		"unspecified":     change(16, 0, 0, 0, 0),
		"cut":             change(0)[:24],
		"multicast 6":     datagram("[fd64:6464:6464::2]:1", "[ff02::1]:2", 8),
		"loopback 6":      datagram("[fd64:6464:6464::2]:1", "[::1]:2", 8),
		"mapped":          datagram("[fd64:6464:6464::2]:1", "[::ffff:192.0.2.1]:2", 8),
	} {
		if p, ok := parse(raw); ok {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

func TestExtensionHeadersAreNobodys(t *testing.T) {
	for _, next := range []byte{0, 43, 44, 50, 51, 60} {
		b := datagram("[fd64:6464:6464::2]:1", "[2001:db8::1]:2", 8)
		b[6] = next
		if p, ok := parse(b); ok && (p.source.Port() != 0 || p.isEcho() || p.isSYN()) {
			t.Errorf("next header %d: %+v", next, p)
		}
	}
}

func TestErrorsHaveRightSums(t *testing.T) {
	for _, ends := range [][2]string{{"100.100.100.2:40000", "192.0.2.1:53"}, {"[fd64:6464:6464::2]:40000", "[2001:db8::1]:53"}} {
		p, _ := parse(datagram(ends[0], ends[1], 3))
		b := unreachable(p.quote(), hostUnreachable)
		initial := uint16(0)
		if p.version == 6 {
			initial = pseudoSum(b, len(b))
		} else if sum := checksum.Checksum(b[:ipv4HeaderBytes], 0); sum != 0xffff {
			t.Errorf("header: %x", sum)
		}
		if sum := checksum.Checksum(b[p.headerBytes:], initial); sum != 0xffff {
			t.Errorf("%s: %x", ends[0], sum)
		}
	}
}

func TestPingsAreAnsweredWithAnError(t *testing.T) {
	w := newWorld(t)
	for _, ends := range [][2]string{{"100.100.100.2:1", "192.0.2.1:1"}, {"[fd64:6464:6464::2]:1", "[2001:db8::1]:1"}} {
		b := datagram(ends[0], ends[1], 0)
		if b[0]>>4 == 4 {
			b[9], b[ipv4HeaderBytes] = protocolICMP, 8
		} else {
			b[6], b[ipv6HeaderBytes] = protocolICMPv6, 128
		}
		w.send(b)
		within(t, w.errors)
	}
}

func TestSpoofedSourcesReachNobody(t *testing.T) {
	w := newWorld(t)
	w.send(datagram("192.0.2.7:1", "192.0.2.1:2", 8))
	w.send(datagram("[2001:db8::7]:1", "[2001:db8::1]:2", 8))
	w.send(datagram("100.100.100.2:1", "100.100.100.2:2", 8))
	if flows := w.datagramFlows(); flows != 0 || len(w.errors) != 0 {
		t.Fatal(flows, len(w.errors))
	}
}

func TestRequestsWithoutAKernelBehindThemAreBounded(t *testing.T) {
	w := newWorld(t)
	// There is no host, so each flow waits for one.
	w.network.patience = time.Second
	for port := range 3 * maxConnections {
		w.send(syn(uint16(port + 1)))
	}
	if got := w.openings(); got > maxConnections {
		t.Fatal(got)
	}
	within(t, w.errors)
	eventually(t, "all refused", func() bool { return w.openings() == 0 && w.network.connections.Load() == 0 })
}

// syn makes a connection request from a port.
func syn(port uint16) []byte {
	b := make([]byte, ipv4HeaderBytes+tcpHeaderBytes)
	putIPv4(b, protocolTCP, guest4.AsSlice(), []byte{192, 0, 2, 1}, 0)
	tcp := b[ipv4HeaderBytes:]
	binary.BigEndian.PutUint16(tcp, port)
	binary.BigEndian.PutUint16(tcp[2:], 443)
	tcp[12], tcp[13] = tcpHeaderBytes/4<<4, 2
	return b
}

// nowhere discards packets and produces none.
type nowhere struct{ Device }

func (nowhere) Write([][]byte, PartialSum) error { return nil }

func FuzzPackets(f *testing.F) {
	f.Add(datagram("100.100.100.2:40000", "192.0.2.1:53", 3))
	f.Add(datagram("[fd64:6464:6464::2]:40000", "[2001:db8::1]:53", 3))
	f.Add(syn(1))
	network, err := New(Config{Device: nowhere{}, Addresses: []netip.Addr{guest4, guest6}, Gate: &tunnel.Gate{}})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(network.stack.Close)
	w := &world{network: network}
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, ok := parse(raw)
		if ok && (len(p.raw) > len(raw) || len(p.payload) > len(p.raw) || !unicast(p.target.Addr())) {
			t.Fatalf("%+v", p)
		}
		if ok {
			quote := p.quote()
			if answer := unreachable(quote, prohibited); len(answer) < len(quote) {
				t.Fatalf("%x", answer)
			}
		}
		w.send(raw)
	})
}
