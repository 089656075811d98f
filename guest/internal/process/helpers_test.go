package process

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"testing"
	"time"

	"sandkeep.dev/guest/internal/contract"
	"sandkeep.dev/guest/internal/env"
	"sandkeep.dev/guest/internal/fault"
)

// patience limits every wait in these tests.
const patience = 20 * time.Second

// table is shared: a program can have only one reaper.
var table *Table

func TestMain(m *testing.M) {
	var err error
	table, err = NewTable(Config{Environment: env.New(map[string]string{"PATH": env.SystemPath, "SANDBOX": "wide"})})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	go table.Reap(context.Background())
	os.Exit(m.Run())
}

func wantFault(t *testing.T, err error, class, code, message string) {
	t.Helper()
	var f *fault.Fault
	if !errors.As(err, &f) || f.Class != class || f.Code != code || (message != "" && f.Message != message) {
		t.Fatalf("%#v instead of %s %s %q", err, class, code, message)
	}
}

// shell makes the params of a shell command with piped output.
func shell(text string) contract.SpawnParams {
	return contract.SpawnParams{Command: "sh", Args: []string{"-c", text}, Stdout: piped, Stderr: piped}
}

// recorder is a host that reads everything.
type recorder struct {
	mu      sync.Mutex
	changed chan struct{}
	frames  bytes.Buffer
}

func newRecorder() *recorder { return &recorder{changed: make(chan struct{}, 1)} }

func (r *recorder) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case r.changed <- struct{}{}:
	default:
	}
	return r.frames.Write(p)
}

func (r *recorder) Flush() error { return nil }

// outputs joins the payloads by frame type.
func (r *recorder) outputs(t *testing.T) (outputs map[byte]string, ends map[byte]int) {
	t.Helper()
	r.mu.Lock()
	frames := bytes.NewReader(bytes.Clone(r.frames.Bytes()))
	r.mu.Unlock()
	outputs, ends = map[byte]string{}, map[byte]int{}
	for {
		kind, length, err := contract.ReadFrameHeader(frames)
		if err == io.EOF {
			return outputs, ends
		}
		payload := make([]byte, length)
		if _, readErr := io.ReadFull(frames, payload); err != nil || readErr != nil {
			t.Fatal(err, readErr)
		}
		if length == 0 {
			ends[kind]++
		}
		outputs[kind] += string(payload)
	}
}

// await waits until an output contains the text.
func (r *recorder) await(t *testing.T, kind byte, text string) {
	t.Helper()
	deadline := time.After(patience)
	for {
		if outputs, _ := r.outputs(t); bytes.Contains([]byte(outputs[kind]), []byte(text)) {
			return
		}
		select {
		case <-r.changed:
		case <-deadline:
			outputs, _ := r.outputs(t)
			t.Fatalf("no %q in %q", text, outputs)
		}
	}
}

// spawn starts a process and records its output.
func spawn(t *testing.T, params contract.SpawnParams) (*Process, *recorder, chan error) {
	t.Helper()
	p, sink, err := table.Spawn(context.Background(), params)
	if err != nil {
		t.Fatal(err)
	}
	record, ended := newRecorder(), make(chan error, 1)
	go func() { ended <- sink.CopyTo(record, nil) }()
	t.Cleanup(func() { _ = table.Kill(p.pid, "SIGKILL") })
	return p, record, ended
}

// run runs a process to its end.
func run(t *testing.T, params contract.SpawnParams) (map[byte]string, contract.ExitStatus) {
	t.Helper()
	_, record, ended := spawn(t, params)
	return result(t, record, ended)
}

func result(t *testing.T, record *recorder, ended chan error) (map[byte]string, contract.ExitStatus) {
	t.Helper()
	select {
	case err := <-ended:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(patience):
		t.Fatal("the output did not end")
	}
	outputs, _ := record.outputs(t)
	var exit contract.ExitStatus
	if err := json.Unmarshal([]byte(outputs[contract.FrameExit]), &exit); err != nil {
		t.Fatal(err)
	}
	return outputs, exit
}

// feed sends frames to a process's inputs.
func feed(t *testing.T, p *Process) (send func(kind byte, payload string), end func()) {
	t.Helper()
	reader, writer := io.Pipe()
	fed := make(chan error, 1)
	go func() { fed <- p.Feed(reader) }()
	send = func(kind byte, payload string) {
		header := make([]byte, contract.FrameHeaderBytes)
		contract.PutFrameHeader(header, kind, len(payload))
		if _, err := writer.Write(append(header, payload...)); err != nil {
			t.Error(err)
		}
	}
	end = func() {
		writer.Close()
		if err := <-fed; err != nil {
			t.Error(err)
		}
	}
	return send, end
}
