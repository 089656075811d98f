package agent

import (
	"bytes"
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sandkeep.dev/guest/internal/contract"
)

func TestAnswersPing(t *testing.T) {
	var pong contract.Pong
	connect(t).call("ping", nil, &pong)
	if pong.Protocol != 1 || pong.Version == "" {
		t.Fatalf("%+v", pong)
	}
}

func TestWritesAndReadsALargeFile(t *testing.T) {
	h := connect(t)
	content := make([]byte, 5<<20+17)
	rand.Read(content)
	path := filepath.Join(t.TempDir(), "large")
	h.sent("writeFile", map[string]any{"path": path}, content).ok(nil)
	var head contract.FileSize
	got := h.sent("readFile", map[string]any{"path": path}, nil).ok(&head).rest()
	if head.Size != int64(len(content)) || !bytes.Equal(got, content) {
		t.Fatalf("size %d, got %d bytes", head.Size, len(got))
	}
}

func TestWordsErrorsAsDenoDoes(t *testing.T) {
	h := connect(t)
	missing := filepath.Join(t.TempDir(), "missing")
	f := h.sent("readFile", map[string]any{"path": missing}, nil).head(nil)
	if f == nil || f.Class != "NotFound" || f.Code != "ENOENT" || f.Message != "No such file or directory (os error 2): readfile '"+missing+"'" {
		t.Fatalf("%+v", f)
	}
	f = h.try("stat", map[string]any{"path": "a\x00b"}, nil)
	if f == nil || f.Class != "TypeError" || !strings.Contains(f.Message, "NUL") {
		t.Fatalf("%+v", f)
	}
	f = h.try("stat", map[string]any{"path": 7}, nil)
	if f == nil || f.Class != "TypeError" {
		t.Fatalf("%+v", f)
	}
	if f = h.try("noSuchMethod", nil, nil); f == nil || f.Class != "NotSupported" {
		t.Fatalf("%+v", f)
	}
}

func TestStatsAFile(t *testing.T) {
	h := connect(t)
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("four"), 0o640); err != nil {
		t.Fatal(err)
	}
	var info contract.FileInfo
	h.call("stat", map[string]any{"path": path}, &info)
	if !info.IsFile || info.Size != 4 || info.Mode&0o777 != 0o640 || !strings.HasSuffix(info.Mtime, "Z") {
		t.Fatalf("%+v", info)
	}
}

func TestSpawnsAndReportsOutputAndExit(t *testing.T) {
	h := connect(t)
	var pid contract.Pid
	s := h.sent("spawn", map[string]any{
		"command": "sh", "args": []string{"-c", "echo out; echo err >&2; exit 3"}, "stdout": "piped", "stderr": "piped",
	}, nil).ok(&pid)
	outputs, exit := s.outcome()
	if outputs[contract.FrameStdout] != "out\n" || outputs[contract.FrameStderr] != "err\n" || exit.Code != 3 || exit.Success {
		t.Fatalf("%q %+v", outputs, exit)
	}
	var waited contract.ExitStatus
	h.call("processWait", pid, &waited)
	if waited.Code != 3 {
		t.Fatalf("%+v", waited)
	}
}

func TestFeedsStdinAndEndsIt(t *testing.T) {
	h := connect(t)
	s := h.stream("spawn", map[string]any{"command": "cat", "stdin": "piped", "stdout": "piped"}).ok(nil)
	s.send(contract.FrameStdin, "hello ")
	s.send(contract.FrameStdin, "there")
	s.send(contract.FrameStdin, "")
	outputs, exit := s.outcome()
	if outputs[contract.FrameStdout] != "hello there" || !exit.Success {
		t.Fatalf("%q %+v", outputs, exit)
	}
}
