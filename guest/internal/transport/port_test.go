package transport

import (
	"bytes"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/sys/unix"

	"sandkeep.dev/guest/internal/contract"
)

// patience limits every wait in these tests.
const patience = 10 * time.Second

// newPortPair makes a port and the host's end of it. A packet socket returns each write in a separate read, as the
// driver does.
func newPortPair(t *testing.T) (*Port, *os.File) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	port, err := newPort(os.NewFile(uintptr(fds[0]), "port"))
	if err != nil {
		t.Fatal(err)
	}
	host := os.NewFile(uintptr(fds[1]), "host")
	t.Cleanup(func() { host.Close(); port.file.Close() })
	_ = host.SetDeadline(time.Now().Add(patience))
	return port, host
}

// serveEcho serves connections that echo each read, and reports when each begins and ends.
func serveEcho(port *Port) (events chan string) {
	events = make(chan string, 16)
	go func() {
		err := port.Serve(func(conn net.Conn) {
			events <- "begin"
			buffer := make([]byte, 64)
			for {
				n, err := conn.Read(buffer)
				if err != nil {
					events <- "end"
					return
				}
				if _, err := conn.Write(buffer[:n]); err != nil {
					events <- "end"
					return
				}
			}
		})
		events <- "failed: " + err.Error()
	}()
	return events
}

func expect(t *testing.T, events chan string, want string) {
	t.Helper()
	select {
	case got := <-events:
		if got != want {
			t.Fatalf("%s instead of %s", got, want)
		}
	case <-time.After(patience):
		t.Fatalf("no %s", want)
	}
}

func send(t *testing.T, host *os.File, pieces ...string) {
	t.Helper()
	for _, piece := range pieces {
		if _, err := host.Write([]byte(piece)); err != nil {
			t.Fatal(err)
		}
	}
}

func receive(t *testing.T, host io.Reader, want string) {
	t.Helper()
	var got []byte
	buffer := make([]byte, 4096)
	for len(got) < len(want) {
		n, err := host.Read(buffer)
		if err != nil {
			t.Fatalf("%v after %q", err, got)
		}
		got = append(got, buffer[:n]...)
	}
	if string(got) != want {
		t.Fatalf("%q instead of %q", got, want)
	}
}

func readyFor(hello string) string {
	return contract.ReadyMagic + hello[len(contract.HelloMagic):]
}

func TestPortAnswersTheHelloAmongOldBytes(t *testing.T) {
	port, host := newPortPair(t)
	events := serveEcho(port)
	send(t, host, "old", "bytes", hello)
	receive(t, host, readyFor(hello))
	expect(t, events, "begin")
	send(t, host, http2.ClientPreface)
	receive(t, host, http2.ClientPreface)
}

func TestPortBeginsAnewWhenTheHostSaysHelloAgain(t *testing.T) {
	port, host := newPortPair(t)
	events := serveEcho(port)
	send(t, host, hello)
	receive(t, host, readyFor(hello))
	expect(t, events, "begin")
	frames := string(conversation(t))
	send(t, host, frames[:len(frames)-5]) // cut within a frame
	receive(t, host, frames[:len(frames)-5])
	second := contract.HelloMagic + "fedcba9876543210"
	send(t, host, second)
	expect(t, events, "end")
	receive(t, host, readyFor(second))
	expect(t, events, "begin")
	send(t, host, frames)
	receive(t, host, frames)
}

func TestPortEndsTheConnectionWhenTheHostIsGone(t *testing.T) {
	port, host := newPortPair(t)
	events := serveEcho(port)
	send(t, host, hello)
	receive(t, host, readyFor(hello))
	expect(t, events, "begin")
	host.Close()
	expect(t, events, "end")
}

func TestPortIsFreeAfterAConnectionThatNobodyReads(t *testing.T) {
	port, host := newPortPair(t)
	events := make(chan string, 16)
	first := true
	go func() {
		_ = port.Serve(func(conn net.Conn) {
			events <- "begin"
			if first {
				first = false
				go func() {
					for {
						if _, err := conn.Write(make([]byte, 4096)); err != nil {
							events <- "writer stopped"
							return
						}
					}
				}()
			}
			_, _ = io.Copy(io.Discard, conn)
		})
	}()
	send(t, host, hello)
	receive(t, host, readyFor(hello))
	expect(t, events, "begin")
	second := contract.HelloMagic + "fedcba9876543210"
	send(t, host, second)
	// Nobody reads yet, so the old connection's writer soon blocks and has to be stopped.
	var got []byte
	buffer := make([]byte, 8192)
	for !bytes.Contains(got, []byte(readyFor(second))) {
		n, err := host.Read(buffer)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got[max(0, len(got)-64):], buffer[:n]...)
	}
	if one, other := <-events, <-events; one+other != "writer stopped"+"begin" && one+other != "begin"+"writer stopped" {
		t.Fatal(one, other)
	}
}

func TestSocketServesLikeThePort(t *testing.T) {
	ours, theirs := net.Pipe()
	done := make(chan string, 1)
	go func() {
		ServeSocket(theirs, func(conn net.Conn) {
			all, _ := io.ReadAll(conn)
			done <- string(all)
		})
	}()
	go func() {
		_, _ = ours.Write([]byte("old" + hello + "after"))
		_, _ = io.ReadFull(ours, make([]byte, len(hello)))
		ours.Close()
	}()
	expect(t, done, "after")
}
