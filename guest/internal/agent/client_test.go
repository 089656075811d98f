package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/net/http2"

	"sandkeep.dev/guest/internal/contract"
	"sandkeep.dev/guest/internal/env"
	"sandkeep.dev/guest/internal/fault"
	"sandkeep.dev/guest/internal/process"
	"sandkeep.dev/guest/internal/transport"
)

var processes *process.Table

func TestMain(m *testing.M) {
	var err error
	environment := env.New(env.Defaults("app", "/tmp"))
	if processes, err = process.NewTable(process.Config{Environment: environment}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	go processes.Reap(context.Background())
	shared = &Machine{Environment: environment, Processes: processes}
	os.Exit(m.Run())
}

var shared *Machine

// host is the host's end of a connection, following the contract.
type host struct {
	t    *testing.T
	conn *http2.ClientConn
}

// connect listens as in development mode, says hello and speaks HTTP/2.
func connect(t *testing.T) *host {
	t.Helper()
	path := filepath.Join(t.TempDir(), "agent.sock")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		conn, err := listener.Accept()
		listener.Close()
		if err == nil {
			transport.ServeSocket(conn, shared.Serve)
		}
	}()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	nonce := "0123456789abcdef"
	if _, err := io.WriteString(conn, "left over "+contract.HelloMagic+nonce); err != nil {
		t.Fatal(err)
	}
	ready := make([]byte, len(contract.ReadyMagic)+contract.NonceBytes)
	if _, err := io.ReadFull(conn, ready); err != nil || string(ready) != contract.ReadyMagic+nonce {
		t.Fatalf("answer to hello: %q, %v", ready, err)
	}
	client, err := (&http2.Transport{AllowHTTP: true}).NewClientConn(conn)
	if err != nil {
		t.Fatal(err)
	}
	return &host{t: t, conn: client}
}

func (h *host) post(ctx context.Context, path string, body io.Reader) *http.Response {
	h.t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://guest"+path, body)
	if err != nil {
		h.t.Fatal(err)
	}
	response, err := h.conn.RoundTrip(request)
	if err != nil {
		h.t.Fatalf("%s: %v", path, err)
	}
	if response.StatusCode != http.StatusOK {
		h.t.Fatalf("%s: status %d", path, response.StatusCode)
	}
	return response
}

type answer struct {
	OK    json.RawMessage `json:"ok"`
	Error *fault.Fault    `json:"error"`
}

// try makes a call and returns the fault, or fills result.
func (h *host) try(method string, params, result any) *fault.Fault {
	h.t.Helper()
	body, _ := json.Marshal(params)
	response := h.post(context.Background(), "/call/"+method, bytes.NewReader(body))
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return h.open(method, raw, result)
}

func (h *host) open(method string, raw []byte, result any) *fault.Fault {
	h.t.Helper()
	var a answer
	if err := json.Unmarshal(raw, &a); err != nil {
		h.t.Fatalf("%s: %v in %q", method, err, raw)
	}
	if a.Error != nil {
		return a.Error
	}
	if a.OK == nil {
		h.t.Fatalf("%s: neither ok nor error in %q", method, raw)
	}
	if result != nil {
		if err := json.Unmarshal(a.OK, result); err != nil {
			h.t.Fatalf("%s: %v in %q", method, err, raw)
		}
	}
	return nil
}

// call makes a call that must succeed.
func (h *host) call(method string, params, result any) {
	h.t.Helper()
	if f := h.try(method, params, result); f != nil {
		h.t.Fatalf("%s(%+v): %s %s %s", method, params, f.Class, f.Code, f.Message)
	}
}

// stream is an open stream; writes go to the request body.
type stream struct {
	h        *host
	method   string
	in       *io.PipeWriter
	response *http.Response
	cancel   context.CancelFunc
}

// stream opens a stream. The request body begins with the params and stays open until it is closed.
func (h *host) stream(method string, params any) *stream {
	h.t.Helper()
	raw, _ := json.Marshal(params)
	reader, writer := io.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	body := io.MultiReader(bytes.NewReader(contract.AppendPrefix(nil, raw)), reader)
	s := &stream{h: h, method: method, in: writer, cancel: cancel}
	s.response = h.post(ctx, "/stream/"+method, body)
	h.t.Cleanup(cancel)
	return s
}

// sent opens a stream whose request is the params and content, nothing more.
func (h *host) sent(method string, params any, content []byte) *stream {
	h.t.Helper()
	raw, _ := json.Marshal(params)
	ctx, cancel := context.WithCancel(context.Background())
	h.t.Cleanup(cancel)
	body := bytes.NewReader(append(contract.AppendPrefix(nil, raw), content...))
	s := &stream{h: h, method: method, cancel: cancel}
	s.response = h.post(ctx, "/stream/"+method, body)
	return s
}

// head reads the outcome of the stream.
func (s *stream) head(result any) *fault.Fault {
	s.h.t.Helper()
	raw, err := contract.ReadPrefix(s.response.Body)
	if err != nil {
		s.h.t.Fatalf("%s: no head: %v", s.method, err)
	}
	return s.h.open(s.method, raw, result)
}

// ok reads an outcome that must be a value, not an error.
func (s *stream) ok(result any) *stream {
	s.h.t.Helper()
	if f := s.head(result); f != nil {
		s.h.t.Fatalf("%s: %s %s %s", s.method, f.Class, f.Code, f.Message)
	}
	return s
}

func (s *stream) rest() []byte {
	s.h.t.Helper()
	all, err := io.ReadAll(s.response.Body)
	if err != nil {
		s.h.t.Fatalf("%s: %v", s.method, err)
	}
	return all
}

func (s *stream) send(kind byte, payload string) {
	s.h.t.Helper()
	frame := make([]byte, contract.FrameHeaderBytes)
	contract.PutFrameHeader(frame, kind, len(payload))
	if _, err := s.in.Write(append(frame, payload...)); err != nil {
		s.h.t.Fatal(err)
	}
}

// frame reads one frame; ok is false at the end of the response.
func (s *stream) frame() (kind byte, payload string, ok bool) {
	s.h.t.Helper()
	kind, length, err := contract.ReadFrameHeader(s.response.Body)
	if err == io.EOF {
		return 0, "", false
	}
	data := make([]byte, length)
	if err == nil {
		_, err = io.ReadFull(s.response.Body, data)
	}
	if err != nil {
		s.h.t.Fatalf("%s: %v", s.method, err)
	}
	return kind, string(data), true
}

// outcome collects all frames until the end of the response.
func (s *stream) outcome() (outputs map[byte]string, exit contract.ExitStatus) {
	s.h.t.Helper()
	outputs = map[byte]string{}
	exited := false
	for {
		kind, payload, ok := s.frame()
		if !ok {
			break
		}
		if kind == contract.FrameExit {
			exited = true
			if err := json.Unmarshal([]byte(payload), &exit); err != nil {
				s.h.t.Fatal(err)
			}
		} else {
			outputs[kind] += payload
		}
	}
	if !exited {
		s.h.t.Fatal("the response ended without an exit frame")
	}
	return outputs, exit
}
