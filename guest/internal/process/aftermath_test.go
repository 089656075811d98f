package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sandkeep.dev/guest/internal/contract"
)

// Programs that a shell leaves running with its own outputs, in every way a shell can.
var backgrounds = map[string]string{
	"job":     `sleep 600 & echo started $!`,
	"nohup":   `nohup sleep 600 & echo started $!`,
	"setsid":  `setsid -f sleep 600; echo started $(pgrep -nx sleep)`,
	"printer": `(while :; do echo noise; sleep 0.01; done) & echo started $!`,
	"flood":   `yes & echo started $!`,
}

func TestARunEndsWithItsProcessWhateverThatLeavesBehind(t *testing.T) {
	for name, script := range backgrounds {
		t.Run(name, func(t *testing.T) {
			outputs, exit := run(t, shell(script))
			if !exit.Success || !strings.Contains(outputs[out], "started ") {
				t.Fatalf("%q %+v", outputs[out][:min(200, len(outputs[out]))], exit)
			}
			_, pid, _ := strings.Cut(outputs[out], "started ")
			pid, _, _ = strings.Cut(pid, "\n")
			if _, err := os.Stat("/proc/" + pid); err != nil {
				t.Fatalf("%s has ended", pid)
			}
			_, _ = run(t, shell("kill -9 "+pid))
		})
	}
}

func TestAFloodIsCarriedNoFurtherThanItsBound(t *testing.T) {
	ours, theirs, err := pipe(true)
	if err != nil {
		t.Fatal(err)
	}
	flooded := make(chan struct{})
	go func() {
		defer close(flooded)
		for err := error(nil); err == nil; {
			_, err = theirs.Write(make([]byte, 1<<16))
		}
	}()
	in, err := newOutlet(out, ours)
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	close(over)
	carried := 0
	in.carry(over, func(f frame) {
		carried += len(f.bytes)
		f.release()
	})
	ours.Close()
	<-flooded
	theirs.Close()
	// The limit, plus the rest of the pipe (64 KiB) and the last frame.
	if most := bytesAfterExit + 1<<16 + 2*frameBytes; carried > most {
		t.Fatalf("%d bytes, at most %d", carried, most)
	}
}

func TestWhatWasLeftBehindPrintsOnWithoutASignal(t *testing.T) {
	directory := t.TempDir()
	params := shell(`(while [ ! -e go ]; do sleep 0.01; done; seq 1 100000 && echo $? > done) & echo started`)
	params.Cwd = directory
	if outputs, _ := run(t, params); outputs[out] != "started\n" {
		t.Fatalf("%q", outputs)
	}
	script(t, directory, "go", "", 0o644)
	waitForFile(t, filepath.Join(directory, "done"), "0\n")
}

func waitForFile(t *testing.T, path, want string) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		content, _ := os.ReadFile(path)
		if string(content) == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %q", path, content)
		}
		time.Sleep(time.Millisecond)
	}
}

// gated is a host that reads nothing until it is opened.
type gated struct {
	*recorder
	gate chan struct{}
}

func (g *gated) Write(p []byte) (int, error) {
	<-g.gate
	return g.recorder.Write(p)
}

func TestAllThatAProcessPrintedArrivesHoweverLateItIsRead(t *testing.T) {
	const lines = 8000 // less than a pipe holds, so that the process can exit while nobody reads
	var want bytes.Buffer
	for i := 1; i <= lines; i++ {
		fmt.Fprintln(&want, i)
	}
	for name, script := range map[string]string{
		"alone":      fmt.Sprintf("seq 1 %d", lines),
		"background": fmt.Sprintf("sleep 600 & seq 1 %d", lines),
		"flooding":   fmt.Sprintf("(while [ ! -e /proc/self/none ]; do :; done) & seq 1 %d", lines),
	} {
		t.Run(name, func(t *testing.T) {
			p, sink, err := table.Spawn(context.Background(), shell(script))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = killGroup(p.pid) })
			host := &gated{recorder: newRecorder(), gate: make(chan struct{})}
			ended := make(chan error, 1)
			go func() { ended <- sink.CopyTo(host, nil) }()
			<-p.done
			time.AfterFunc(5*quietAfterExit, func() { close(host.gate) })
			outputs, _ := result(t, host.recorder, ended)
			if outputs[out] != want.String() {
				t.Fatalf("%d bytes instead of %d", len(outputs[out]), want.Len())
			}
		})
	}
}

func TestALargeOutputArrivesWholeAtASlowReader(t *testing.T) {
	params := shell("sleep 600 & seq 1 1000000; echo end >&2")
	p, sink, err := table.Spawn(context.Background(), params)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = killGroup(p.pid) })
	record, ended := newRecorder(), make(chan error, 1)
	go func() { ended <- sink.CopyTo(slow{record}, nil) }()
	outputs, _ := result(t, record, ended)
	if len(outputs[out]) != 6888896 || !strings.HasSuffix(outputs[out], "\n1000000\n") || outputs[errs] != "end\n" {
		t.Fatalf("%d bytes, ends with %q", len(outputs[out]), outputs[out][max(0, len(outputs[out])-20):])
	}
}

type slow struct{ *recorder }

func (s slow) Write(p []byte) (int, error) {
	time.Sleep(time.Millisecond)
	return s.recorder.Write(p)
}

func TestWhatIsThereToReadIsNoSilenceHoweverLateTheReadBegins(t *testing.T) {
	ours, theirs, err := pipe(true)
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	defer theirs.Close()
	in, err := newOutlet(out, ours)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = theirs.WriteString("five\n")
	after := &aftermath{owed: in.pending()}
	if after.owed != 5 || !after.begin(ours) {
		t.Fatalf("%+v", after)
	}
	// As if on a busy computer, the deadline passes before the read.
	time.Sleep(2 * quietAfterExit)
	if _, _, err := in.next(); !errors.Is(err, os.ErrDeadlineExceeded) || !after.took(in, 0, err) || !after.begin(ours) {
		t.Fatalf("%v %+v", err, after)
	}
	lent, n, err := in.next()
	if n != 5 || err != nil || !after.took(in, n, err) {
		t.Fatalf("%d bytes, %v", n, err)
	}
	buffers.Put(lent)
	if !after.begin(ours) {
		t.Fatalf("%+v", after)
	}
	if _, _, err := in.next(); after.took(in, 0, err) {
		t.Fatalf("silence is the end: %v", err)
	}
}

func TestWhatTheProcessPrintsThroughAnotherOneArrives(t *testing.T) {
	params := contract.SpawnParams{Command: "bash", Args: []string{"-c", "exec > >(tee log); sleep 600 & seq 1 5000"}, Stdout: piped, Cwd: t.TempDir()}
	p, record, ended := spawn(t, params)
	t.Cleanup(func() { _ = killGroup(p.pid) })
	outputs, _ := result(t, record, ended)
	if !strings.HasSuffix(outputs[out], "\n5000\n") {
		t.Fatalf("%q", outputs[out][max(0, len(outputs[out])-20):])
	}
}
