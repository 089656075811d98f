package process

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"sandkeep.dev/guest/internal/contract"
)

func killGroup(pid int) error { return unix.Kill(-pid, unix.SIGKILL) }

func TestAProcessWhoseReaderHasGoneSeesAClosedPipe(t *testing.T) {
	p, record, ended := spawn(t, contract.SpawnParams{Command: "yes", Stdout: piped, Stderr: piped})
	record.await(t, out, "y\n")
	if err := table.CloseOutput(p.pid, "stdout"); err != nil {
		t.Fatal(err)
	}
	_, exit := result(t, record, ended)
	if exit.Signal == nil || *exit.Signal != "SIGPIPE" || exit.Code != 128+int(unix.SIGPIPE) {
		t.Fatalf("%+v", exit)
	}
}

func TestOnlyTheOutputThatWasClosedIsClosed(t *testing.T) {
	p, record, ended := spawn(t, shell(`trap "" PIPE; echo ready; while echo out; do :; done 2>/dev/null; echo noticed >&2`))
	record.await(t, out, "ready\n")
	if err := table.CloseOutput(p.pid, "stdout"); err != nil {
		t.Fatal(err)
	}
	outputs, exit := result(t, record, ended)
	if outputs[errs] != "noticed\n" || !exit.Success {
		t.Fatalf("%q %+v", outputs[errs], exit)
	}
}

func TestAProcessThatPrintsNoMoreMindsNoClosedOutput(t *testing.T) {
	params := shell(`echo ready; read line; exit 3`)
	params.Stdin = piped
	p, record, ended := spawn(t, params)
	record.await(t, out, "ready\n")
	for _, name := range []string{"stdout", "stderr", "stdout"} {
		if err := table.CloseOutput(p.pid, name); err != nil {
			t.Fatal(err)
		}
	}
	send, end := feed(t, p)
	send(contract.FrameStdin, "go on\n")
	end()
	if _, exit := result(t, record, ended); exit.Code != 3 {
		t.Fatalf("%+v", exit)
	}
}

func TestATerminalWhoseReaderHasGoneHangsUp(t *testing.T) {
	p, record, ended := spawn(t, contract.SpawnParams{Command: "cat", Pty: &contract.PtyParams{Cols: 80, Rows: 24}})
	if err := table.CloseOutput(p.pid, "stdout"); err != nil {
		t.Fatal(err)
	}
	_, exit := result(t, record, ended)
	if exit.Signal == nil || *exit.Signal != "SIGHUP" {
		t.Fatalf("%+v", exit)
	}
	wantFault(t, table.CloseOutput(p.pid, "stdout"), "TypeError", "ENOENT", "")
	wantFault(t, table.CloseOutput(p.pid, "stdin"), "TypeError", "", "")
}

func TestClosingAfterTheEndSparesWhatWasLeftBehind(t *testing.T) {
	directory := t.TempDir()
	params := shell(`(while [ ! -e go ]; do sleep 0.01; done; seq 1 100000 && echo $? > done) & echo started`)
	params.Cwd = directory
	p, record, ended := spawn(t, params)
	<-p.done
	p.output.close(out)
	script(t, directory, "go", "", 0o644)
	result(t, record, ended)
	waitForFile(t, directory+"/done", "0\n")
	if outputs, _ := record.outputs(t); !strings.HasPrefix(outputs[out], "started\n") {
		t.Fatalf("%q", outputs[out])
	}
}
