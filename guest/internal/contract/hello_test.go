package contract

import (
	"bytes"
	"testing"
)

const testNonce = "0123456789abcdef"

// feedAll feeds the stream to a scanner in pieces of the given size.
func feedAll(stream []byte, size int) (nonce [NonceBytes]byte, rest []byte, found bool) {
	var scanner HelloScanner
	for len(stream) > 0 {
		piece := stream[:min(size, len(stream))]
		stream = stream[len(piece):]
		if nonce, rest, found = scanner.Feed(piece); found {
			return nonce, append(bytes.Clone(rest), stream...), true
		}
	}
	return nonce, nil, false
}

func TestHelloIsFoundHoweverTheStreamIsCut(t *testing.T) {
	stream := []byte("old bytes SANDKEEP-HEL" + HelloMagic + testNonce + "PRI * HTTP/2.0")
	for size := 1; size <= len(stream); size++ {
		nonce, rest, found := feedAll(stream, size)
		if !found || string(nonce[:]) != testNonce || string(rest) != "PRI * HTTP/2.0" {
			t.Fatalf("pieces of %d: %v %q %q", size, found, nonce, rest)
		}
	}
}

func TestHelloIsNotFoundInHalf(t *testing.T) {
	if _, _, found := feedAll([]byte(HelloMagic+testNonce[1:]), 5); found {
		t.Fatal("found with a nonce that is too short")
	}
}

func FuzzHello(f *testing.F) {
	f.Add([]byte("x"+HelloMagic+testNonce+"y"), 3)
	f.Add([]byte(HelloMagic+HelloMagic+testNonce), 16)
	f.Fuzz(func(t *testing.T, stream []byte, size int) {
		size = max(1, min(size, 4096))
		nonce, rest, found := feedAll(stream, size)
		at := bytes.Index(stream, []byte(HelloMagic))
		if found != (at >= 0 && len(stream)-at >= helloBytes) {
			t.Fatalf("found %v, magic at %d of %d", found, at, len(stream))
		}
		if found && (!bytes.Equal(nonce[:], stream[at+len(HelloMagic):at+helloBytes]) || !bytes.Equal(rest, stream[at+helloBytes:])) {
			t.Fatal("another nonce or rest")
		}
	})
}
