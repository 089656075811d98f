package egress

// MTU of the device: the largest packet there is, so that the fewest cross, and none has to be split.
const MTU = 65_535

// Device is where the packets of the guest's kernel come from and go to: tun0.
type Device interface {
	// Read waits for a packet.
	Read(into []byte) (n int, err error)
	// Write sends one packet, given in parts. It does not wait: a packet for which there is no room is lost.
	Write(parts [][]byte, sum PartialSum) error
}

// PartialSum says that a packet's checksum is not there yet: the field, Offset bytes after Start, holds the sum of the
// pseudo-header only. The kernel takes that from the agent on trust, which saves both the work. Zero: the checksum is there.
type PartialSum struct{ Start, Offset uint16 }
