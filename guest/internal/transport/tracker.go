package transport

import (
	"bytes"

	"sandkeep.dev/guest/internal/contract"
)

const (
	prefaceBytes = 24 // "PRI * HTTP/2.0…", RFC 9113 section 3.4
	headerBytes  = 9  // RFC 9113 section 4.1
	helloBytes   = len(contract.HelloMagic) + contract.NonceBytes
)

// tracker finds a hello inside a running HTTP/2 connection, which means that the host has reconnected before the agent
// noticed that it was gone. It parses frames, so that the magic inside a file's content is not mistaken for a hello. At
// a frame boundary, "SAN" would announce a frame of 5 MB, far more than the agent allows, so there it can only be a
// hello.
type tracker struct {
	head    [prefaceBytes]byte
	have    int
	payload int
	// hadPreface starts as true if the host is the server, which sends no preface.
	hadPreface bool
}

// scan examines the next bytes of the stream, which came from one read. If a hello begins in them or in the previous
// bytes, before is how many bytes still belong to the connection, and hello is the beginning of the new one.
func (t *tracker) scan(chunk []byte) (before int, hello []byte) {
	// The old connection may have been cut within a frame. The host sends a hello alone and waits, so the port returns
	// it in a read of its own.
	if len(chunk) > 0 && len(chunk)%helloBytes == 0 && bytes.HasPrefix(chunk, []byte(contract.HelloMagic)) {
		return 0, bytes.Clone(chunk)
	}
	for i := 0; i < len(chunk); {
		if t.payload > 0 {
			skipped := min(t.payload, len(chunk)-i)
			t.payload -= skipped
			i += skipped
			continue
		}
		need := headerBytes
		if !t.hadPreface {
			need = prefaceBytes
		}
		taken := copy(t.head[t.have:need], chunk[i:])
		t.have += taken
		i += taken
		if t.have >= 3 && string(t.head[:3]) == contract.HelloMagic[:3] {
			return max(0, i-t.have), append(bytes.Clone(t.head[:t.have]), chunk[i:]...)
		}
		if t.have < need {
			break
		}
		if t.hadPreface {
			t.payload = int(t.head[0])<<16 | int(t.head[1])<<8 | int(t.head[2])
		}
		t.hadPreface = true
		t.have = 0
	}
	return len(chunk), nil
}
