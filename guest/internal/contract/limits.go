// Package contract mirrors packages/host/src/guest/contract.ts: everything the host may ask of the agent.
//
// Tests compare the two: internal/agent writes the methods and messages as TypeScript, and scripts/agreements/guest.test.ts
// reads that. It holds the constants and messages, and the decoders of bytes that both ends agree on. It does nothing.
package contract

const (
	// Version of the protocol, as [Ping] answers it.
	Protocol = 1

	// HelloMagic begins a connection; NonceBytes random bytes follow.
	HelloMagic = "SANDKEEP-HELLO/1"
	// ReadyMagic answers it; the host's nonce follows.
	ReadyMagic = "SANDKEEP-READY/1"
	// NonceBytes is the length of the nonce that follows both magics.
	NonceBytes = 16

	// ControlPort is the name of the virtio-serial port on which the host speaks to the agent.
	ControlPort = "sandkeep.control"
	// EgressPort is the name of the one on which flows go out.
	EgressPort = "sandkeep.egress"

	// MaxCallBytes bounds params and outcome of a call, and a prefix message of a stream.
	MaxCallBytes = 16 * 1024 * 1024
	// MaxFrameBytes bounds the payload of one process frame.
	MaxFrameBytes = 64 * 1024
)

// Frame types from the agent on spawn and attach. An empty output frame means the end of that output.
const (
	FrameStdout  byte = 1
	FrameStderr  byte = 2
	FrameChannel byte = 3
	FrameExit    byte = 4
	FrameSocket  byte = 5
)

// Frame types to the agent on spawn and attach. An empty frame closes that input.
const (
	FrameStdin     byte = 1
	FrameToChannel byte = 2
	FrameToSocket  byte = 3
)
