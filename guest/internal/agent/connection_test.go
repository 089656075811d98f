package agent

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sandkeep.dev/guest/internal/contract"
)

// patience limits every wait in these tests.
const patience = 20 * time.Second

func TestOpenFilesEndWithTheConnection(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	first := connect(t)
	var handle contract.Handle
	first.call("open", map[string]any{"path": path, "read": true, "write": true, "create": true}, &handle)
	first.call("fileLock", map[string]any{"handle": handle.Handle, "exclusive": true}, nil)
	first.sent("fileWrite", handle, []byte("content")).ok(nil)
	first.call("fileSeek", map[string]any{"handle": handle.Handle, "offset": "3", "whence": 0}, nil)
	if got := first.sent("fileRead", map[string]any{"handle": handle.Handle, "length": 100}, nil).ok(nil).rest(); string(got) != "tent" {
		t.Fatalf("%q", got)
	}
	second := connect(t)
	if f := second.try("fileStat", handle, nil); f == nil || f.Class != "BadResource" {
		t.Fatalf("%+v", f)
	}
	second.call("open", map[string]any{"path": path, "read": true}, &handle)
	first.conn.Close()
	// The lock is free once the first connection's files are closed.
	locked := make(chan struct{})
	go func() {
		second.call("fileLock", map[string]any{"handle": handle.Handle, "exclusive": true}, nil)
		close(locked)
	}()
	select {
	case <-locked:
	case <-time.After(patience):
		t.Fatal("the lock of a connection that is gone")
	}
}

func TestAProcessOutlivesItsStreamAndItsConnection(t *testing.T) {
	first := connect(t)
	var pid contract.Pid
	s := first.stream("spawn", map[string]any{
		"command": "sh", "args": []string{"-c", "while read line; do echo got $line; done; exit 9"}, "stdin": "piped", "stdout": "piped",
	}).ok(&pid)
	s.send(contract.FrameStdin, "one\n")
	if _, payload, _ := s.frame(); payload != "got one\n" {
		t.Fatalf("%q", payload)
	}
	first.conn.Close()
	second := connect(t)
	joined := second.stream("attach", pid).ok(nil)
	joined.send(contract.FrameStdin, "two\n")
	if _, payload, _ := joined.frame(); payload != "got two\n" {
		t.Fatalf("%q", payload)
	}
	joined.in.Close()
	if _, exit := joined.outcome(); exit.Code != 9 {
		t.Fatalf("%+v", exit)
	}
}

func TestAShellHangsUpWithItsStreamOrItsConnectionIfThatWasAskedFor(t *testing.T) {
	params := map[string]any{"command": "cat", "pty": map[string]any{"cols": 80, "rows": 24}, "hangUp": true}
	for what, leave := range map[string]func(*host, *stream){
		"reset": func(_ *host, s *stream) { s.in.CloseWithError(io.ErrUnexpectedEOF) },
		"gone":  func(h *host, _ *stream) { h.conn.Close() },
	} {
		first, second := connect(t), connect(t)
		var pid contract.Pid
		leave(first, first.stream("spawn", params).ok(&pid))
		killer := time.AfterFunc(patience, func() { _ = processes.Kill(pid.Pid, "SIGKILL") })
		defer killer.Stop()
		var exit contract.ExitStatus
		second.call("processWait", pid, &exit)
		if exit.Signal == nil || *exit.Signal != "SIGHUP" {
			t.Fatalf("%s: %+v", what, exit)
		}
	}
}

func TestResettingAStreamCancelsACall(t *testing.T) {
	h := connect(t)
	var pid contract.Pid
	h.sent("spawn", map[string]any{"command": "sleep", "args": []string{"1000"}}, nil).ok(&pid)
	ctx, cancel := context.WithCancel(context.Background())
	failed := make(chan error, 1)
	go func() {
		body := strings.NewReader(fmt.Sprintf(`{"pid":%d}`, pid.Pid))
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://guest/call/processWait", body)
		if err == nil {
			_, err = h.conn.RoundTrip(request)
		}
		failed <- err
	}()
	h.call("ping", nil, nil)
	cancel()
	if <-failed == nil {
		t.Fatal("waited to the end")
	}
	h.call("processKill", map[string]any{"pid": pid.Pid, "signal": "SIGKILL"}, nil)
	var exit contract.ExitStatus
	h.call("processWait", pid, &exit)
	if exit.Code != 137 || *exit.Signal != "SIGKILL" {
		t.Fatalf("%+v", exit)
	}
}

func TestAProcessThatPrintsWithoutEndDoesNotStopTheOthers(t *testing.T) {
	h := connect(t)
	var pid contract.Pid
	noisy := h.stream("spawn", map[string]any{"command": "yes", "stdout": "piped"}).ok(&pid)
	var group sync.WaitGroup
	for i := 0; i < 20; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for j := 0; j < 20; j++ {
				h.call("stat", map[string]any{"path": "/"}, nil)
			}
		}()
	}
	group.Wait()
	noisy.cancel()
	h.call("processKill", map[string]any{"pid": pid.Pid, "signal": "SIGTERM"}, nil)
}

func TestInputThatNobodyTakesDoesNotStopTheOthers(t *testing.T) {
	h := connect(t)
	for i := 0; i < 10; i++ {
		var pid contract.Pid
		deaf := h.stream("spawn", map[string]any{"command": "sleep", "args": []string{"1000"}, "stdin": "piped"}).ok(&pid)
		go func() { // fills the pipe, then the stream's window, then blocks
			frame := make([]byte, contract.FrameHeaderBytes+contract.MaxFrameBytes)
			contract.PutFrameHeader(frame, contract.FrameStdin, contract.MaxFrameBytes)
			for {
				if _, err := deaf.in.Write(frame); err != nil {
					return
				}
			}
		}()
		t.Cleanup(func() { _ = processes.Kill(pid.Pid, "SIGKILL") })
	}
	h.sent("writeFile", map[string]any{"path": filepath.Join(t.TempDir(), "file")}, make([]byte, 4<<20)).ok(nil)
}

func TestDialJoinsAPort(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		line, _ := bufio.NewReader(conn).ReadString('\n')
		_, _ = io.WriteString(conn, "you said "+line)
		conn.Close()
	}()
	h := connect(t)
	s := h.stream("dial", map[string]any{"port": listener.Addr().(*net.TCPAddr).Port}).ok(nil)
	if _, err := io.WriteString(s.in, "hello\n"); err != nil {
		t.Fatal(err)
	}
	if got := s.rest(); string(got) != "you said hello\n" {
		t.Fatalf("%q", got)
	}
	if f := h.sent("dial", map[string]any{"port": 0}, nil).head(nil); f == nil || f.Class != "TypeError" {
		t.Fatalf("%+v", f)
	}
}

func TestListenOffersConnections(t *testing.T) {
	h := connect(t)
	var listener contract.Listener
	listening := h.sent("listen", map[string]any{"port": 0}, nil).ok(&listener)
	answer := make(chan string, 1)
	go func() {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", listener.Port))
		if err != nil {
			answer <- err.Error()
			return
		}
		_, _ = io.WriteString(conn, "hello\n")
		line, _ := bufio.NewReader(conn).ReadString('\n')
		conn.Close()
		answer <- line
	}()
	var peer contract.Peer
	s := h.stream("accept", map[string]any{"listener": listener.Listener}).ok(&peer)
	if peer.Host != "127.0.0.1" || peer.Port == 0 {
		t.Fatalf("%+v", peer)
	}
	if _, err := io.WriteString(s.in, "welcome\n"); err != nil {
		t.Fatal(err)
	}
	if got := s.rest(); string(got) != "hello\n" {
		t.Fatalf("%q", got)
	}
	if line := <-answer; line != "welcome\n" {
		t.Fatalf("%q", line)
	}
	second := connect(t)
	if f := second.sent("accept", map[string]any{"listener": listener.Listener}, nil).head(nil); f == nil || f.Class != "BadResource" {
		t.Fatalf("%+v", f)
	}
	// Nobody listens any more once the stream is gone.
	listening.cancel()
	deadline := time.Now().Add(patience)
	for {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", listener.Port))
		if err != nil {
			break
		}
		conn.Close()
		if time.Now().After(deadline) {
			t.Fatal("it still listens")
		}
	}
}

func TestFetchStreamsBothWays(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		w.WriteHeader(http.StatusAccepted)
		_ = http.NewResponseController(w).Flush()
		_, _ = io.Copy(w, r.Body)
	}))
	defer server.Close()
	h := connect(t)
	var head contract.FetchHead
	s := h.stream("fetch", map[string]any{"url": server.URL, "method": "POST", "headers": [][2]string{}, "redirect": "follow", "hasBody": true})
	s.ok(&head)
	go func() {
		for i := 0; i < 100; i++ {
			_, _ = s.in.Write(make([]byte, 10_000))
		}
		s.in.Close()
	}()
	if got := s.rest(); head.Status != 202 || !head.HasBody || len(got) != 1_000_000 {
		t.Fatalf("%+v %d", head, len(got))
	}
}

func TestWalkSendsALineForEachEntry(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"a", "b<&>"} {
		if err := os.WriteFile(filepath.Join(root, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	h := connect(t)
	lines := strings.Split(strings.TrimSpace(string(h.sent("walk", map[string]any{"path": root}, nil).ok(nil).rest())), "\n")
	if len(lines) != 3 {
		t.Fatal(lines)
	}
	for _, line := range lines {
		var entry contract.WalkEntry
		if err := json.Unmarshal([]byte(line), &entry); err != nil || !strings.HasPrefix(entry.Path, root) {
			t.Fatal(line, err)
		}
	}
	if f := h.sent("walk", map[string]any{"path": root + "/none"}, nil).head(nil); f == nil || f.Class != "NotFound" {
		t.Fatalf("%+v", f)
	}
	globbed := h.sent("expandGlob", map[string]any{"glob": "a*", "root": root}, nil).ok(nil).rest()
	if bytes.Count(globbed, []byte("\n")) != 1 || !bytes.Contains(globbed, []byte(`"name":"a"`)) {
		t.Fatalf("%s", globbed)
	}
}

func TestAnErrorInTheMiddleOfAWalkIsItsLastLine(t *testing.T) {
	root := t.TempDir()
	// Following a dangling link is an error, found after the root was visited.
	if err := os.Symlink("nowhere", filepath.Join(root, "dangling")); err != nil {
		t.Fatal(err)
	}
	rest := connect(t).sent("walk", map[string]any{"path": root, "followSymlinks": true}, nil).ok(nil).rest()
	lines := strings.Split(strings.TrimSpace(string(rest)), "\n")
	if len(lines) != 2 || !strings.HasPrefix(lines[1], `{"error":{"constructorName":"NotFound"`) {
		t.Fatal(lines)
	}
}

func TestEnvironmentIsSeenByLaterProcesses(t *testing.T) {
	h := connect(t)
	h.call("envSet", map[string]any{"key": "FROM_TEST", "value": "value"}, nil)
	outputs, _ := h.sent("spawn", map[string]any{"command": "sh", "args": []string{"-c", "echo $FROM_TEST"}, "stdout": "piped"}, nil).ok(nil).outcome()
	if outputs[contract.FrameStdout] != "value\n" {
		t.Fatalf("%q", outputs)
	}
	var all map[string]string
	h.call("envToObject", nil, &all)
	h.call("envDelete", map[string]any{"key": "FROM_TEST"}, nil)
	var value *string
	h.call("envGet", map[string]any{"key": "FROM_TEST"}, &value)
	if all["FROM_TEST"] != "value" || value != nil {
		t.Fatal(all, value)
	}
}

func TestResumeGivesTheEnvironment(t *testing.T) {
	h := connect(t)
	h.call("resume", contract.Identity{Env: map[string]string{"SECRET": "placeholder"}}, nil)
	var value *string
	h.call("envGet", map[string]any{"key": "SECRET"}, &value)
	if value == nil || *value != "placeholder" {
		t.Fatal(value)
	}
	h.call("quiesce", nil, nil)
	h.call("sync", nil, nil)
}

func TestResumeForgetsWhatRanBefore(t *testing.T) {
	h := connect(t)
	var pid contract.Pid
	h.sent("spawn", map[string]any{"command": "true"}, nil).ok(&pid).outcome()
	listed := func() bool {
		var list []contract.ProcessInfo
		h.call("processList", nil, &list)
		return slices.ContainsFunc(list, func(p contract.ProcessInfo) bool { return p.Pid == pid.Pid })
	}
	if !listed() {
		t.Fatal("a process that ran is not remembered")
	}
	h.call("resume", contract.Identity{}, nil)
	if listed() {
		t.Fatal("it is still remembered")
	}
}

func TestParamsThatAreTooLongAreRefused(t *testing.T) {
	h := connect(t)
	long := bytes.Repeat([]byte(" "), contract.MaxCallBytes+1)
	response := h.post(context.Background(), "/call/ping", bytes.NewReader(long))
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if f := h.open("ping", raw, nil); f == nil || f.Class != "TypeError" {
		t.Fatalf("%+v", f)
	}
	h.call("ping", nil, nil)
}
