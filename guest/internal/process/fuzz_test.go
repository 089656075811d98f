package process

import (
	"bytes"
	"os"
	"testing"
)

// FuzzFeed feeds arbitrary bytes as frames to inputs that nobody reads.
func FuzzFeed(f *testing.F) {
	f.Add([]byte{1, 0, 0, 0, 3, 'a', 'b', 'c', 1, 0, 0, 0, 0})
	f.Add([]byte{2, 0, 0, 0, 9, 'x', 3, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, frames []byte) {
		null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer null.Close()
		p := &Process{stdin: &input{file: null}}
		_ = p.Feed(bytes.NewReader(frames))
	})
}
