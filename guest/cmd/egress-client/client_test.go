package main

import (
	"bufio"
	"context"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
)

const (
	testPatience = 20 * time.Second
	bodyBytes    = 8 << 20
)

// upstream serves bodies larger than every buffer on the way. It returns its address and the options of its clients.
func upstream(t *testing.T) (address string, with options) {
	t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/big" && r.Header.Get("Authorization") == "Bearer x" {
			_, _ = w.Write(make([]byte, bodyBytes))
			return
		}
		http.NotFound(w, r)
	}))
	t.Cleanup(server.Close)
	certificate := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(certificate, block, 0o600); err != nil {
		t.Fatal(err)
	}
	// The name in httptest's certificate.
	return server.Listener.Addr().String(), options{name: "example.com", authorities: certificate, authorization: "Bearer x"}
}

func fetchBig(t *testing.T, with options, dial dialer) {
	t.Helper()
	client, err := newClient(with, dial)
	if err != nil {
		t.Fatal(err)
	}
	client.http.Timeout = testPatience
	for range 2 {
		taken, err := client.fetch("/big")
		if err != nil {
			t.Fatal(err)
		}
		if taken.Bytes != bodyBytes || taken.Milliseconds <= 0 || taken.CPUSeconds <= 0 {
			t.Fatalf("%+v", taken)
		}
	}
	if _, err := client.fetch("/small"); err == nil || !strings.Contains(err.Error(), "404") {
		t.Fatal(err)
	}
	client.http.CloseIdleConnections()
}

func TestBodiesComeDirectly(t *testing.T) {
	address, with := upstream(t)
	fetchBig(t, with, directly(address))
}

func TestBodiesComeThroughTheEgressPort(t *testing.T) {
	address, with := upstream(t)
	m := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect || r.Host != "192.0.2.1:443" {
			t.Errorf("%s %s", r.Method, r.Host)
		}
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
		go func() { _, _ = io.Copy(conn, r.Body) }()
		_, _ = io.Copy(flushing{w}, conn)
	})
	fetchBig(t, with, func(ctx context.Context, _, _ string) (net.Conn, error) { return m.open(ctx, "192.0.2.1:443") })
}

func TestASlowReaderGetsEverythingThenTheEnd(t *testing.T) {
	m := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = flushing{w}.Write(make([]byte, bodyBytes)) })
	conn := open(t, m)
	// Larger reads than the buffer's would hide that it was full.
	all, err := io.Copy(io.Discard, bufio.NewReaderSize(struct{ io.Reader }{conn}, 1000))
	if err != nil || all != bodyBytes {
		t.Fatal(all, err)
	}
}

func TestAResetIsAnError(t *testing.T) {
	m := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = flushing{w}.Write([]byte("x"))
		_, _ = r.Body.Read(make([]byte, 1))
		panic(http.ErrAbortHandler)
	})
	conn := open(t, m)
	if _, err := conn.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, conn); err == nil || !strings.Contains(err.Error(), "reset") {
		t.Fatal(err)
	}
}

func open(t *testing.T, m *machine) net.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testPatience)
	defer cancel()
	conn, err := m.open(ctx, "192.0.2.1:443")
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// serve returns a machine whose flows the handler serves.
func serve(t *testing.T, handler http.HandlerFunc) *machine {
	t.Helper()
	listener, err := net.Listen("unix", filepath.Join(t.TempDir(), "port"))
	if err != nil {
		t.Fatal(err)
	}
	ours, err := net.Dial("unix", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	m := newMachine()
	ended := make(chan struct{})
	go func() { defer close(ended); m.gate.Serve(theirs) }()
	go new(http2.Server).ServeConn(ours, &http2.ServeConnOpts{Handler: handler})
	t.Cleanup(func() { ours.Close(); listener.Close(); <-ended })
	return m
}

// flushing sends each piece at once.
type flushing struct{ http.ResponseWriter }

func (f flushing) Write(p []byte) (int, error) {
	n, err := f.ResponseWriter.Write(p)
	f.ResponseWriter.(http.Flusher).Flush()
	return n, err
}
