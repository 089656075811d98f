package egress

// MTU of the device: the largest possible packet, so that few packets cross and none has to be split.
const MTU = 65_535

// Device carries the packets of the guest's kernel: tun0.
type Device interface {
	// Read waits for a packet.
	Read(into []byte) (n int, err error)
	// Write sends one packet, given in parts. It does not wait: without room the packet is dropped.
	Write(parts [][]byte, sum PartialSum) error
}

// PartialSum describes an unfinished checksum: the field, Offset bytes after Start, holds only the sum of the
// pseudo-header. The kernel trusts the agent here, so neither has to compute it. The zero value means the checksum is
// complete.
type PartialSum struct{ Start, Offset uint16 }
