// Package contract mirrors packages/host/src/guest/contract.ts: everything the host may ask of the agent.
//
// Tests compare the two: internal/agent writes the methods and messages as TypeScript, and
// scripts/agreements/guest.test.ts checks that file. This package only holds the constants, the messages, and the
// decoders that both ends share.
package contract

const (
	// Version is the protocol version that [Ping] reports.
	Protocol = 1

	// HelloMagic begins a connection, followed by NonceBytes random bytes.
	HelloMagic = "SANDKEEP-HELLO/1"
	// ReadyMagic answers it, followed by the host's nonce.
	ReadyMagic = "SANDKEEP-READY/1"
	// NonceBytes is the length of the nonce that follows both magics.
	NonceBytes = 16

	// ControlPort is the name of the virtio-serial port on which the host speaks to the agent.
	ControlPort = "sandkeep.control"
	// EgressPort is the name of the virtio-serial port that carries egress flows.
	EgressPort = "sandkeep.egress"

	// MaxCallBytes limits a call's params and outcome, and a stream's params.
	MaxCallBytes = 16 * 1024 * 1024
	// MaxHeadBytes limits a stream's head; see MaxHead.
	MaxHeadBytes = 64 * 1024
	// MaxFrameBytes limits the payload of one process frame.
	MaxFrameBytes = 64 * 1024
)

// Frame types from the agent on spawn and attach. An empty output frame ends that output.
const (
	FrameStdout  byte = 1
	FrameStderr  byte = 2
	FrameChannel byte = 3
	FrameExit    byte = 4
	FrameSocket  byte = 5
)

// Frame types to the agent on spawn and attach. An empty input frame closes that input.
const (
	FrameStdin     byte = 1
	FrameToChannel byte = 2
	FrameToSocket  byte = 3
)

// MaxHead limits the head of one method's streams: what fetch returns has headers of any length.
func MaxHead(method string) int {
	if method == "fetch" {
		return MaxCallBytes
	}
	return MaxHeadBytes
}
