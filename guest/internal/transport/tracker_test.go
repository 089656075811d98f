package transport

import (
	"bytes"
	"testing"

	"golang.org/x/net/http2"

	"sandkeep.dev/guest/internal/contract"
)

const hello = contract.HelloMagic + "0123456789abcdef"

// conversation is what a client sends, with the magic inside a file's content.
func conversation(t testing.TB) []byte {
	var stream bytes.Buffer
	stream.WriteString(http2.ClientPreface)
	framer := http2.NewFramer(&stream, nil)
	if err := framer.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	if err := framer.WriteData(1, false, []byte("a file that holds "+hello+" and more")); err != nil {
		t.Fatal(err)
	}
	return stream.Bytes()
}

func TestTrackerLetsDataWithTheMagicPass(t *testing.T) {
	stream := conversation(t)
	for size := 1; size <= len(stream); size++ {
		var tracker tracker
		for rest := stream; len(rest) > 0; {
			piece := rest[:min(size, len(rest))]
			rest = rest[len(piece):]
			if before, found := tracker.scan(piece); found != nil || before != len(piece) {
				t.Fatalf("pieces of %d: hello %q after %d", size, found, before)
			}
		}
	}
}

func TestTrackerFindsAHelloBetweenFrames(t *testing.T) {
	stream := append(conversation(t), hello+"next"...)
	for size := 1; size <= len(stream); size++ {
		var tracker tracker
		passed, found := []byte(nil), []byte(nil)
		rest := stream
		for len(rest) > 0 && found == nil {
			piece := rest[:min(size, len(rest))]
			rest = rest[len(piece):]
			var before int
			before, found = tracker.scan(piece)
			passed = append(passed, piece[:before]...)
		}
		if string(found)+string(rest) != hello+"next" {
			t.Fatalf("pieces of %d: found %q, then %q", size, found, rest)
		}
		// Up to two bytes of the hello may pass before it is recognised.
		if !bytes.HasPrefix(passed, conversation(t)) || len(passed) > len(conversation(t))+2 {
			t.Fatalf("pieces of %d: %d bytes passed", size, len(passed))
		}
	}
}

func TestTrackerFindsAHelloInPlaceOfThePreface(t *testing.T) {
	var tracker tracker
	if before, found := tracker.scan([]byte(hello + "x")); before != 0 || string(found) != hello+"x" {
		t.Fatalf("%d %q", before, found)
	}
}

func TestTrackerFindsAHelloThatComesAloneInsideACutFrame(t *testing.T) {
	stream := conversation(t)
	var tracker tracker
	tracker.scan(stream[:len(stream)-3])
	if before, found := tracker.scan([]byte(hello + hello)); before != 0 || string(found) != hello+hello {
		t.Fatalf("%d %q", before, found)
	}
}

func FuzzTracker(f *testing.F) {
	f.Add(conversation(f), 7)
	f.Add([]byte(hello), 1)
	f.Fuzz(func(t *testing.T, stream []byte, size int) {
		size = max(1, min(size, readBytes))
		var tracker tracker
		for len(stream) > 0 {
			piece := stream[:min(size, len(stream))]
			stream = stream[len(piece):]
			before, found := tracker.scan(piece)
			if before < 0 || before > len(piece) {
				t.Fatal("out of bounds")
			}
			if found != nil && !bytes.HasPrefix(found, []byte(contract.HelloMagic[:3])) {
				t.Fatalf("%q is no hello", found)
			}
			if found != nil {
				return
			}
		}
	})
}
