package egress

import (
	"encoding/binary"

	"gvisor.dev/gvisor/pkg/tcpip/checksum"
)

// reason is why a destination is unreachable: the code of "destination unreachable" in both IP versions (RFC 792, RFC
// 4443 section 3.1). It determines the error that a program sees.
type reason struct{ code4, code6 byte }

var (
	networkUnreachable = reason{0, 0}  // ENETUNREACH
	hostUnreachable    = reason{1, 3}  // EHOSTUNREACH
	portUnreachable    = reason{3, 4}  // ECONNREFUSED
	prohibited         = reason{13, 1} // EHOSTUNREACH; EACCES in IPv6
)

// reasons maps errno names to reasons. ICMP has no code for a timeout, so it becomes "host unreachable", the error the
// kernel itself reports when a router on the path says so.
var reasons = map[string]reason{
	"ENETUNREACH":  networkUnreachable,
	"EHOSTUNREACH": hostUnreachable,
	"ETIMEDOUT":    hostUnreachable,
	"EACCES":       prohibited,
	"ECONNREFUSED": portUnreachable,
}

const (
	unreachable4 = 3
	unreachable6 = 1
	timeToLive   = 64
)

// unreachable makes the ICMP packet that answers the quoted one (see [packet.quote]) with an error.
func unreachable(quote []byte, why reason) []byte {
	if quote[0]>>4 == 4 {
		return unreachableIn4(quote, why.code4)
	}
	return unreachableIn6(quote, why.code6)
}

func unreachableIn4(quote []byte, code byte) []byte {
	b := make([]byte, ipv4HeaderBytes+icmpHeaderBytes, ipv4HeaderBytes+icmpHeaderBytes+len(quote))
	b = append(b, quote...)
	putIPv4(b, protocolICMP, quote[16:20], quote[12:16], 0)
	icmp := b[ipv4HeaderBytes:]
	icmp[0], icmp[1] = unreachable4, code
	binary.BigEndian.PutUint16(icmp[2:], ^checksum.Checksum(icmp, 0))
	return b
}

func unreachableIn6(quote []byte, code byte) []byte {
	b := make([]byte, ipv6HeaderBytes+icmpHeaderBytes, ipv6HeaderBytes+icmpHeaderBytes+len(quote))
	b = append(b, quote...)
	putIPv6(b, protocolICMPv6, quote[24:40], quote[8:24], 0)
	icmp := b[ipv6HeaderBytes:]
	icmp[0], icmp[1] = unreachable6, code
	binary.BigEndian.PutUint16(icmp[2:], ^checksum.Checksum(icmp, pseudoSum(b, len(b))))
	return b
}

// putIPv4 writes the packet header at the start of b; follow more bytes come after b.
func putIPv4(b []byte, protocol byte, source, target []byte, follow int) {
	b[0] = 4<<4 | ipv4HeaderBytes/4
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)+follow))
	binary.BigEndian.PutUint16(b[6:], 0x4000) // do not fragment
	b[8], b[9] = timeToLive, protocol
	copy(b[12:16], source)
	copy(b[16:20], target)
	binary.BigEndian.PutUint16(b[10:], 0)
	binary.BigEndian.PutUint16(b[10:], ^checksum.Checksum(b[:ipv4HeaderBytes], 0))
}

// putIPv6 writes the packet header at the start of b; follow more bytes come after b.
func putIPv6(b []byte, protocol byte, source, target []byte, follow int) {
	b[0] = 6 << 4
	binary.BigEndian.PutUint16(b[4:], uint16(len(b)-ipv6HeaderBytes+follow))
	b[6], b[7] = protocol, timeToLive
	copy(b[8:24], source)
	copy(b[24:40], target)
}

// pseudoSum is the sum of the pseudo-header (RFC 9293 section 3.1, RFC 8200 section 8.1). length is the packet's; its
// header comes from this package or the stack, so it has no options or extensions.
func pseudoSum(header []byte, length int) uint16 {
	if header[0]>>4 == 4 {
		rest := [4]byte{0, header[9]}
		binary.BigEndian.PutUint16(rest[2:], uint16(length-ipv4HeaderBytes))
		return checksum.Checksum(rest[:], checksum.Checksum(header[12:20], 0))
	}
	rest := [4]byte{0, header[6]}
	binary.BigEndian.PutUint16(rest[2:], uint16(length-ipv6HeaderBytes))
	return checksum.Checksum(rest[:], checksum.Checksum(header[8:40], 0))
}
