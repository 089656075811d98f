package contract

import (
	"encoding/binary"
	"io"
)

// FrameHeaderBytes is the length of a frame's header: 8 bit type, 32 bit big-endian payload length.
const FrameHeaderBytes = 5

// PutFrameHeader writes the header of a frame into the first FrameHeaderBytes of to.
func PutFrameHeader(to []byte, kind byte, length int) {
	to[0] = kind
	binary.BigEndian.PutUint32(to[1:FrameHeaderBytes], uint32(length))
}

// ReadFrameHeader reads the type and length of the next frame. It returns io.EOF if the stream ends between two frames.
func ReadFrameHeader(r io.Reader) (kind byte, length int, err error) {
	var head [FrameHeaderBytes]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, 0, err
	}
	length = int(binary.BigEndian.Uint32(head[1:]))
	if length > MaxFrameBytes {
		return 0, 0, ErrTooLong
	}
	return head[0], length, nil
}
