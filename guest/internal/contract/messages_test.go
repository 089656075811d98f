package contract

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"
)

func TestPrefixMessageComesBack(t *testing.T) {
	for _, size := range []int{0, 1, 64 * 1024, 64*1024 + 1, 1 << 20} {
		body := bytes.Repeat([]byte("x"), size)
		stream := bytes.NewReader(append(AppendPrefix(nil, body), "rest"...))
		got, err := ReadPrefix(stream)
		if err != nil || !bytes.Equal(got, body) || stream.Len() != 4 {
			t.Fatalf("%d bytes: got %d, %v, %d left", size, len(got), err, stream.Len())
		}
	}
}

func TestPrefixMessageMustNotBeTooLongOrCut(t *testing.T) {
	long := binary.BigEndian.AppendUint32(nil, MaxCallBytes+1)
	if _, err := ReadPrefix(bytes.NewReader(long)); !errors.Is(err, ErrTooLong) {
		t.Fatal(err)
	}
	cut := AppendPrefix(nil, []byte("whole"))
	if _, err := ReadPrefix(bytes.NewReader(cut[:len(cut)-1])); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatal(err)
	}
}

func TestFrameHeaderTellsTheEndFromACut(t *testing.T) {
	header := make([]byte, FrameHeaderBytes)
	PutFrameHeader(header, FrameStderr, MaxFrameBytes)
	kind, length, err := ReadFrameHeader(bytes.NewReader(header))
	if kind != FrameStderr || length != MaxFrameBytes || err != nil {
		t.Fatal(kind, length, err)
	}
	if _, _, err := ReadFrameHeader(bytes.NewReader(nil)); err != io.EOF {
		t.Fatal(err)
	}
	if _, _, err := ReadFrameHeader(bytes.NewReader(header[:2])); err != io.ErrUnexpectedEOF {
		t.Fatal(err)
	}
	PutFrameHeader(header, FrameStdin, MaxFrameBytes+1)
	if _, _, err := ReadFrameHeader(bytes.NewReader(header)); !errors.Is(err, ErrTooLong) {
		t.Fatal(err)
	}
}

func FuzzPrefix(f *testing.F) {
	f.Add(AppendPrefix(nil, []byte("{}")))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, stream []byte) {
		body, err := ReadPrefix(bytes.NewReader(stream))
		if err == nil && !bytes.HasPrefix(stream, AppendPrefix(nil, body)) {
			t.Fatal("another body than was sent")
		}
	})
}

func FuzzFrameHeader(f *testing.F) {
	f.Add([]byte{1, 0, 0, 0, 3, 'a', 'b', 'c'})
	f.Fuzz(func(t *testing.T, stream []byte) {
		kind, length, err := ReadFrameHeader(bytes.NewReader(stream))
		if err != nil {
			return
		}
		header := make([]byte, FrameHeaderBytes)
		PutFrameHeader(header, kind, length)
		if length > MaxFrameBytes || !bytes.HasPrefix(stream, header) {
			t.Fatal("another header than was sent")
		}
	})
}
