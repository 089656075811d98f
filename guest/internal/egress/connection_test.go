package egress

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"math/rand"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestAConnectionCarriesBytesBothWays(t *testing.T) {
	w := newWorld(t)
	asked := make(chan string, 1)
	w.host(func(rw http.ResponseWriter, r *http.Request) {
		asked <- r.Method + " " + r.Host
		echo(rw, r)
	})
	for _, target := range []string{"192.0.2.1:443", "[2001:db8::1]:80"} {
		conn := w.mustDial(target)
		if got := within(t, asked); got != "CONNECT "+target {
			t.Fatal(got)
		}
		for _, text := range []string{"hello", "and again"} {
			if _, err := conn.Write([]byte(text)); err != nil {
				t.Fatal(err)
			}
			got := make([]byte, len(text))
			if _, err := io.ReadFull(conn, got); err != nil || string(got) != text {
				t.Fatalf("%q %v", got, err)
			}
		}
	}
}

func TestTheGuestsEndReachesTheHostAndTheOtherWayStaysOpen(t *testing.T) {
	w := newWorld(t)
	w.host(func(rw http.ResponseWriter, r *http.Request) {
		accept(rw)
		all, _ := io.ReadAll(r.Body)
		fmt.Fprintf(rw, "you said %s", all)
	})
	conn := w.mustDial("192.0.2.1:25")
	if _, err := conn.Write([]byte("bye")); err != nil {
		t.Fatal(err)
	}
	if err := conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if all, err := io.ReadAll(conn); err != nil || string(all) != "you said bye" {
		t.Fatalf("%q %v", all, err)
	}
	w.isClean()
}

func TestARefusedConnectionIsRefused(t *testing.T) {
	w := newWorld(t)
	w.host(refuseWith("ECONNREFUSED"))
	for _, target := range []string{"192.0.2.1:443", "[2001:db8::1]:443"} {
		if _, err := w.dial(target); err == nil || !strings.Contains(err.Error(), "connection was refused") {
			t.Errorf("%s: %v", target, err)
		}
	}
	w.isClean()
}

func TestAnUnreachableHostIsUnreachable(t *testing.T) {
	for errno, want := range map[string]reason{
		"EHOSTUNREACH": hostUnreachable,
		"ETIMEDOUT":    hostUnreachable,
		"ENETUNREACH":  networkUnreachable,
		"EACCES":       prohibited,
		"":             networkUnreachable,
	} {
		w := newWorld(t)
		w.host(refuseWith(errno))
		go func() { _, _ = w.dial("192.0.2.1:443") }()
		packet := within(t, w.errors)
		if kind, code := packet[ipv4HeaderBytes], packet[ipv4HeaderBytes+1]; kind != unreachable4 || code != want.code4 {
			t.Errorf("%q: type %d, code %d", errno, kind, code)
		}
		if quoted := packet[ipv4HeaderBytes+icmpHeaderBytes:]; !bytes.Equal(quoted[16:20], []byte{192, 0, 2, 1}) {
			t.Errorf("%q: quotes %x", errno, quoted)
		}
		go func() { _, _ = w.dial("[2001:db8::1]:443") }()
		packet = within(t, w.errors)
		if kind, code := packet[ipv6HeaderBytes], packet[ipv6HeaderBytes+1]; kind != unreachable6 || code != want.code6 {
			t.Errorf("%q: type %d, code %d in IPv6", errno, kind, code)
		}
		w.isClean()
	}
}

func TestTheKernelTakesTheErrorForItsOwn(t *testing.T) {
	w := newWorld(t)
	w.host(refuseWith("EHOSTUNREACH"))
	if _, err := w.dial("192.0.2.1:443"); err == nil || !strings.Contains(err.Error(), "no route to host") {
		t.Fatal(err)
	}
}

// isClean waits until no flow is left.
func (w *world) isClean() {
	w.t.Helper()
	eventually(w.t, "nothing left", func() bool { return w.network.connections.Load() == 0 && w.openings() == 0 })
}

func (w *world) openings() int {
	w.network.openingMu.Lock()
	defer w.network.openingMu.Unlock()
	return len(w.network.opening)
}

func TestAResetBeforeTheFirstByteIsAReset(t *testing.T) {
	w := newWorld(t)
	w.host(refuseWith("ECONNRESET"))
	w.isReset("192.0.2.1:443")
	w.isClean()
}

// isReset connects and waits for the reset, which may arrive before the kernel reports the connection to the program.
func (w *world) isReset(target string) {
	w.t.Helper()
	conn, err := w.dial(target)
	if err == nil {
		_, err = conn.Read(make([]byte, 1))
	}
	if err == nil || !strings.Contains(err.Error(), "reset by peer") {
		w.t.Fatal(err)
	}
}

func TestResetsPassInBothDirections(t *testing.T) {
	w := newWorld(t)
	gone := make(chan error, 1)
	w.host(func(rw http.ResponseWriter, r *http.Request) {
		accept(rw)
		if r.Host == "192.0.2.1:1" {
			panic(http.ErrAbortHandler)
		}
		_, err := io.ReadAll(r.Body)
		gone <- err
	})
	w.isReset("192.0.2.1:1")
	w.mustDial("192.0.2.1:2")
	for _, endpoint := range w.kernel.RegisteredEndpoints() {
		endpoint.Abort()
	}
	if err := within(t, gone); err == nil || !strings.Contains(err.Error(), "stream error") {
		t.Fatal(err)
	}
	w.isClean()
}

func TestBigTransfersArriveWholeInBothDirectionsAtOnce(t *testing.T) {
	const size = 24 << 20
	w := newWorld(t)
	up := make(chan string, 1)
	w.host(func(rw http.ResponseWriter, r *http.Request) {
		accept(rw)
		var sending sync.WaitGroup
		sending.Add(1)
		go func() { defer sending.Done(); _, _ = io.Copy(rw, pattern(2, size)) }()
		up <- digest(r.Body)
		sending.Wait()
	})
	conn := w.mustDial("192.0.2.1:443")
	go func() {
		_, _ = io.Copy(struct{ io.Writer }{conn}, pattern(1, size))
		_ = conn.CloseWrite()
	}()
	if got := digest(conn); got != digest(pattern(2, size)) {
		t.Error("what came down differs: " + got)
	}
	if got := within(t, up); got != digest(pattern(1, size)) {
		t.Error("what went up differs: " + got)
	}
}

// pattern produces random-looking bytes in reads of odd sizes.
func pattern(seed int64, size int64) io.Reader {
	return io.LimitReader(rand.New(rand.NewSource(seed)), size)
}

func digest(r io.Reader) string {
	var h hash.Hash = sha256.New()
	n, err := io.Copy(h, r)
	return fmt.Sprintf("%d bytes %x %v", n, h.Sum(nil)[:8], err)
}

func TestAGuestThatDoesNotReadStopsTheHostAndNobodyElse(t *testing.T) {
	w := newWorld(t)
	const plenty = 64 << 20
	var sent bytesCounter
	w.host(func(rw http.ResponseWriter, r *http.Request) {
		if r.Host != "192.0.2.1:1" {
			echo(rw, r)
			return
		}
		accept(rw)
		_, _ = io.Copy(io.MultiWriter(rw, &sent), pattern(3, plenty))
	})
	stalled := w.mustDial("192.0.2.1:1")
	other := w.mustDial("192.0.2.1:2")
	// Once much more has gone through the other flow, the stalled one is as full as it gets.
	go func() {
		_, _ = io.Copy(struct{ io.Writer }{other}, pattern(4, plenty/4))
		_ = other.CloseWrite()
	}()
	if got := digest(other); got != digest(pattern(4, plenty/4)) {
		t.Fatal(got)
	}
	const most = 2*maxBufferBytes + 8<<20 // includes the other kernel's buffer
	if got := sent.load(); got > most {
		t.Fatalf("%d bytes were sent to a guest that reads nothing", got)
	}
	if got := digest(stalled); got != digest(pattern(3, plenty)) {
		t.Fatal(got)
	}
}

type bytesCounter struct {
	mu sync.Mutex
	n  int
}

func (c *bytesCounter) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n += len(p)
	return len(p), nil
}

func (c *bytesCounter) load() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}

func TestTwoThousandConnectionsAtATime(t *testing.T) {
	const many = 2000
	w := newWorld(t)
	w.host(echo)
	var all sync.WaitGroup
	failed := make(chan error, many)
	for i := range many {
		all.Add(1)
		go func() {
			defer all.Done()
			conn, err := w.dial(fmt.Sprintf("192.0.2.%d:%d", 1+i%200, 1000+i))
			if err != nil {
				failed <- err
				return
			}
			text := bytes.Repeat([]byte{byte(i)}, 100)
			if _, err := conn.Write(text); err != nil {
				failed <- err
				return
			}
			got := make([]byte, len(text))
			if _, err := io.ReadFull(conn, got); err != nil || !bytes.Equal(got, text) {
				failed <- fmt.Errorf("%x: %w", got, err)
			}
		}()
	}
	all.Wait()
	select {
	case err := <-failed:
		t.Fatalf("%v, and %d more", err, len(failed))
	default:
	}
	if got := w.network.connections.Load(); got != many {
		t.Fatal(got)
	}
}

func TestOneConnectionTooManyIsRefused(t *testing.T) {
	w := newWorld(t)
	w.host(echo)
	w.network.connections.Add(maxConnections)
	if _, err := w.dial("192.0.2.1:443"); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Fatal(err)
	}
	w.network.connections.Add(-maxConnections)
	w.mustDial("192.0.2.1:443")
}

func TestAConnectionWaitsForAHost(t *testing.T) {
	w := newWorld(t)
	connected := make(chan error, 1)
	go func() {
		_, err := w.dial("192.0.2.1:443")
		connected <- err
	}()
	eventually(t, "a request", func() bool { return w.openings() == 1 })
	w.host(echo)
	if err := within(t, connected); err != nil {
		t.Fatal(err)
	}
}

func TestWithoutAHostTheNetworkIsUnreachable(t *testing.T) {
	w := newWorld(t)
	w.network.patience = time.Second
	if _, err := w.dial("192.0.2.1:443"); err == nil || !strings.Contains(err.Error(), "network is unreachable") {
		t.Fatal(err)
	}
}

func TestConnectionsEndWithTheHostAndBeginWithTheNext(t *testing.T) {
	w := newWorld(t)
	leave := w.host(echo)
	conn := w.mustDial("192.0.2.1:443")
	leave()
	if _, err := conn.Read(make([]byte, 1)); err == nil || !strings.Contains(err.Error(), "reset by peer") {
		t.Fatal(err)
	}
	w.isClean()
	w.host(echo)
	w.mustDial("192.0.2.1:443")
}
