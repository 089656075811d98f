package egress

import (
	"encoding/binary"
	"net/netip"
)

// Protocol numbers (IANA), as IPv4's protocol and IPv6's next header.
const (
	protocolICMP   = 1
	protocolTCP    = 6
	protocolUDP    = 17
	protocolICMPv6 = 58
)

const (
	ipv4HeaderBytes = 20
	ipv6HeaderBytes = 40
	tcpHeaderBytes  = 20
	udpHeaderBytes  = 8
	icmpHeaderBytes = 8
)

// packet holds the relevant fields of an IP packet from the guest's kernel. It points into the packet's bytes.
type packet struct {
	version  int
	protocol byte
	source   netip.AddrPort
	target   netip.AddrPort
	// raw is the whole packet, without anything after it in the buffer; payload, set only for UDP, is what follows the
	// transport header.
	raw, payload []byte
	// headerBytes is the length of the IP header.
	headerBytes int
}

// quoteBytes is how much of the transport header an error quotes: ports, and TCP's sequence number.
const quoteBytes = 8

// parse reads a packet. It rejects what cannot belong to a flow: fragments, extension headers, and addresses that are
// not unicast. It does not check whether an address is the guest's own.
func parse(raw []byte) (p packet, ok bool) {
	if len(raw) == 0 {
		return p, false
	}
	p.version = int(raw[0] >> 4)
	switch p.version {
	case 4:
		ok = p.parse4(raw)
	case 6:
		ok = p.parse6(raw)
	}
	if !ok || !unicast(p.target.Addr()) {
		return p, false
	}
	return p, p.parseTransport()
}

func (p *packet) parse4(raw []byte) bool {
	if len(raw) < ipv4HeaderBytes {
		return false
	}
	p.headerBytes = int(raw[0]&15) * 4
	total := int(binary.BigEndian.Uint16(raw[2:]))
	if p.headerBytes < ipv4HeaderBytes || total < p.headerBytes || total > len(raw) {
		return false
	}
	if fragment := binary.BigEndian.Uint16(raw[6:]); fragment&0x3fff != 0 { // more fragments, or not the first
		return false
	}
	p.raw, p.protocol = raw[:total], raw[9]
	p.source = netip.AddrPortFrom(netip.AddrFrom4([4]byte(raw[12:16])), 0)
	p.target = netip.AddrPortFrom(netip.AddrFrom4([4]byte(raw[16:20])), 0)
	return true
}

func (p *packet) parse6(raw []byte) bool {
	if len(raw) < ipv6HeaderBytes {
		return false
	}
	p.headerBytes = ipv6HeaderBytes
	total := ipv6HeaderBytes + int(binary.BigEndian.Uint16(raw[4:]))
	if total > len(raw) {
		return false
	}
	p.raw, p.protocol = raw[:total], raw[6]
	p.source = netip.AddrPortFrom(netip.AddrFrom16([16]byte(raw[8:24])), 0)
	p.target = netip.AddrPortFrom(netip.AddrFrom16([16]byte(raw[24:40])), 0)
	return true
}

// parseTransport reads the ports.
func (p *packet) parseTransport() bool {
	transport := p.raw[p.headerBytes:]
	switch p.protocol {
	case protocolTCP:
		if len(transport) < tcpHeaderBytes {
			return false
		}
	case protocolUDP:
		if len(transport) < udpHeaderBytes {
			return false
		}
		length := int(binary.BigEndian.Uint16(transport[4:]))
		if length < udpHeaderBytes || length > len(transport) {
			return false
		}
		p.payload = transport[udpHeaderBytes:length]
	default:
		return len(transport) >= quoteBytes
	}
	p.source = netip.AddrPortFrom(p.source.Addr(), binary.BigEndian.Uint16(transport))
	p.target = netip.AddrPortFrom(p.target.Addr(), binary.BigEndian.Uint16(transport[2:]))
	return p.source.Port() != 0 && p.target.Port() != 0
}

// isSYN reports whether the packet requests a new connection.
func (p *packet) isSYN() bool {
	const synAck = 0x12
	return p.protocol == protocolTCP && p.raw[p.headerBytes+13]&synAck == 0x02
}

// isEcho reports whether the packet is a ping.
func (p *packet) isEcho() bool {
	kind := p.raw[p.headerBytes]
	return p.protocol == protocolICMP && p.version == 4 && kind == 8 || p.protocol == protocolICMPv6 && p.version == 6 && kind == 128
}

// quote copies the part of the packet that an error about it includes.
func (p *packet) quote() []byte {
	return append([]byte(nil), p.raw[:p.headerBytes+quoteBytes]...)
}

var broadcast4 = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// unicast reports whether an address can belong to a single host. IPv4-mapped IPv6 addresses cannot: they are not valid
// on a link (RFC 4291 section 2.5.5.2).
func unicast(address netip.Addr) bool {
	return !address.IsMulticast() && !address.IsUnspecified() && !address.IsLoopback() && !address.Is4In6() && address != broadcast4
}
