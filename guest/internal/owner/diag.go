package owner

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"
)

// From linux/sock_diag.h and linux/inet_diag.h.
const (
	sockDiagByFamily = 20
	requestBytes     = 56
	responseBytes    = 72
	inodeAt          = 68
	anySocket        = ^uint32(0)
)

// inode asks the kernel for the inode of a flow's socket (sock_diag(7)).
func inode(protocol byte, source, target netip.AddrPort) (number uint32, ok bool) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return 0, false
	}
	defer unix.Close(fd)
	if err := unix.Sendto(fd, request(protocol, source, target), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return 0, false
	}
	var answer [512]byte
	// The kernel has answered before sendto returns.
	n, _, err := unix.Recvfrom(fd, answer[:], unix.MSG_DONTWAIT)
	if err != nil {
		return 0, false
	}
	return inodeIn(answer[:n])
}

func request(protocol byte, source, target netip.AddrPort) []byte {
	b := make([]byte, unix.NLMSG_HDRLEN+requestBytes)
	binary.NativeEndian.PutUint32(b, uint32(len(b)))
	binary.NativeEndian.PutUint16(b[4:], sockDiagByFamily)
	binary.NativeEndian.PutUint16(b[6:], unix.NLM_F_REQUEST)
	r := b[unix.NLMSG_HDRLEN:]
	r[0] = unix.AF_INET
	if source.Addr().Is6() {
		r[0] = unix.AF_INET6
	}
	r[1] = protocol
	binary.NativeEndian.PutUint32(r[4:], ^uint32(0)) // in any state
	if protocol == unix.IPPROTO_UDP {
		source, target = target, source // the kernel has them swapped, "for historical reasons"
	}
	binary.BigEndian.PutUint16(r[8:], source.Port())
	binary.BigEndian.PutUint16(r[10:], target.Port())
	copy(r[12:28], source.Addr().AsSlice())
	copy(r[28:44], target.Addr().AsSlice())
	binary.NativeEndian.PutUint32(r[48:], anySocket) // cookie
	binary.NativeEndian.PutUint32(r[52:], anySocket)
	return b
}

// inodeIn parses an answer.
func inodeIn(b []byte) (number uint32, ok bool) {
	if len(b) < unix.NLMSG_HDRLEN+responseBytes || binary.NativeEndian.Uint16(b[4:]) != sockDiagByFamily {
		return 0, false
	}
	number = binary.NativeEndian.Uint32(b[unix.NLMSG_HDRLEN+inodeAt:])
	return number, number != 0
}
