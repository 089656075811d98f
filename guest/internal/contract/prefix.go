package contract

import (
	"encoding/binary"
	"errors"
	"io"
)

// ErrTooLong reports a message or frame longer than the contract allows.
var ErrTooLong = errors.New("longer than the contract allows")

// PrefixHeaderBytes is the size of a prefix message's length field.
const PrefixHeaderBytes = 4

// ReadPrefix reads one prefix message: a 32 bit big-endian length, then that many bytes.
func ReadPrefix(r io.Reader) ([]byte, error) {
	var head [PrefixHeaderBytes]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	length := int(binary.BigEndian.Uint32(head[:]))
	if length > MaxCallBytes {
		return nil, ErrTooLong
	}
	return readAtMost(r, length)
}

// AppendPrefix appends a prefix message with the given body.
func AppendPrefix(to, body []byte) []byte {
	to = binary.BigEndian.AppendUint32(to, uint32(len(body)))
	return append(to, body...)
}

// readAtMost reads exactly length bytes and allocates memory only as they arrive: a length alone must not cost 16 MiB.
func readAtMost(r io.Reader, length int) ([]byte, error) {
	const step = 64 * 1024
	data := make([]byte, min(length, step))
	for read := 0; ; {
		n, err := io.ReadFull(r, data[read:])
		read += n
		if err != nil {
			if err == io.EOF && read < length {
				err = io.ErrUnexpectedEOF
			}
			if read < length {
				return nil, err
			}
		}
		if read == length {
			return data, nil
		}
		data = append(data, make([]byte, min(length-read, len(data)))...)
	}
}
