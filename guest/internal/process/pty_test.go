package process

import (
	"context"
	"strings"
	"testing"

	"sandkeep.dev/guest/internal/contract"
)

func TestTerminalHasItsSizeAndChangesIt(t *testing.T) {
	params := shell(`stty size; trap 'stty size; exit 0' WINCH; echo ready; while :; do sleep 0.05; done`)
	params.Pty = &contract.PtyParams{Cols: 101, Rows: 31, Term: "dumb"}
	p, record, ended := spawn(t, params)
	record.await(t, out, "ready")
	if err := table.Resize(p.pid, 77, 22); err != nil {
		t.Fatal(err)
	}
	outputs, exit := result(t, record, ended)
	if outputs[out] != "31 101\r\nready\r\n22 77\r\n" || !exit.Success {
		t.Fatalf("%q %+v", outputs, exit)
	}
	wantFault(t, table.Resize(p.pid, 0, 22), "TypeError", "", "")
}

func TestTerminalTakesInputAndControls(t *testing.T) {
	params := shell(`test -t 0 && test -t 1 && test -t 2 && echo "$TERM"; cat; echo done`)
	params.Pty = &contract.PtyParams{Cols: 80, Rows: 24}
	p, record, ended := spawn(t, params)
	send, _ := feed(t, p)
	record.await(t, out, defaultTerm)
	send(contract.FrameStdin, "hello\n")
	record.await(t, out, "hello\r\nhello\r\n")
	send(contract.FrameStdin, "")
	outputs, exit := result(t, record, ended)
	if !strings.HasSuffix(outputs[out], "done\r\n") || !exit.Success {
		t.Fatalf("%q %+v", outputs, exit)
	}
}

func TestTerminalSendsInterrupts(t *testing.T) {
	params := shell("echo ready; exec sleep 1000")
	params.Pty = &contract.PtyParams{Cols: 80, Rows: 24}
	p, record, ended := spawn(t, params)
	send, _ := feed(t, p)
	record.await(t, out, "ready")
	send(contract.FrameStdin, "\x03")
	_, exit := result(t, record, ended)
	if exit.Signal == nil || *exit.Signal != "SIGINT" || exit.Code != 130 {
		t.Fatalf("%+v", exit)
	}
}

func TestTerminalOfNoSizeIsRefused(t *testing.T) {
	params := shell("true")
	params.Pty = &contract.PtyParams{Cols: 1 << 20, Rows: 24}
	_, _, err := table.Spawn(context.Background(), params)
	wantFault(t, err, "TypeError", "", "")
	p, _, _ := spawn(t, shell("true"))
	wantFault(t, table.Resize(p.pid, 80, 24), "TypeError", "", "")
}
