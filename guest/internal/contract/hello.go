package contract

import "bytes"

// helloBytes is the length of a complete hello.
const helloBytes = len(HelloMagic) + NonceBytes

// HelloScanner finds the host's hello in a stream that may begin with leftovers of an earlier connection.
// The zero value is ready for use.
type HelloScanner struct {
	window []byte // the unprocessed end of the stream, shorter than a hello
}

// Feed scans the next bytes of the stream. When they complete a hello, it returns the hello's nonce and the bytes after
// it; otherwise it keeps any partial hello for the next call.
func (s *HelloScanner) Feed(chunk []byte) (nonce [NonceBytes]byte, rest []byte, found bool) {
	data := chunk
	if len(s.window) > 0 {
		data = append(s.window, chunk...)
	}
	at := bytes.Index(data, []byte(HelloMagic))
	if at >= 0 && len(data)-at >= helloBytes {
		copy(nonce[:], data[at+len(HelloMagic):])
		s.window = nil
		return nonce, data[at+helloBytes:], true
	}
	keep := at
	if at < 0 {
		keep = len(data) - partialMagic(data)
	}
	s.window = append([]byte(nil), data[keep:]...)
	return nonce, nil, false
}

// partialMagic returns how many bytes at the end of data may begin the magic.
func partialMagic(data []byte) int {
	n := min(len(data), len(HelloMagic)-1)
	for ; n > 0; n-- {
		if HelloMagic[:n] == string(data[len(data)-n:]) {
			return n
		}
	}
	return 0
}
