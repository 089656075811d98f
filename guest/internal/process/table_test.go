package process

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sandkeep.dev/guest/internal/contract"
)

func TestASignalEndsTheWholeGroup(t *testing.T) {
	p, record, ended := spawn(t, shell("sleep 1000 & echo $!; wait"))
	record.await(t, out, "\n")
	if err := table.Kill(p.pid, "SIGTERM"); err != nil {
		t.Fatal(err)
	}
	// The response ends only when the sleep, which holds the output open, is gone too.
	_, exit := result(t, record, ended)
	if exit.Code != 143 || exit.Signal == nil || *exit.Signal != "SIGTERM" || exit.Success {
		t.Fatalf("%+v", exit)
	}
	wantFault(t, table.Kill(p.pid, "SIGTERM"), "TypeError", "ENOENT", "")
}

func TestSignalsThatDoNotExistAreRefused(t *testing.T) {
	wantFault(t, table.Kill(1, "SIGNONSENSE"), "TypeError", "", "Invalid signal: SIGNONSENSE")
	for _, name := range []string{"SIGTERM", "SIGKILL", "SIGUSR1", "SIGSTKFLT", "SIGPOLL", "SIGIO", "SIGWINCH", "SIGSYS", "SIGPWR"} {
		if _, err := parseSignal(name); err != nil {
			t.Error(err)
		}
	}
}

func TestUnknownProcesses(t *testing.T) {
	wantFault(t, table.Kill(os.Getpid(), "SIGTERM"), "TypeError", "ENOENT", "")
	_, err := table.Wait(context.Background(), 1<<30)
	wantFault(t, err, "TypeError", "ENOENT", "")
	_, _, err = table.Attach(1 << 30)
	wantFault(t, err, "TypeError", "ENOENT", "")
	wantFault(t, table.Resize(1<<30, 80, 24), "TypeError", "ENOENT", "")
}

func TestWaitAnswersBeforeAndAfterTheExit(t *testing.T) {
	p, record, ended := spawn(t, shell("read line; exit 4"))
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	result(t, record, ended) // stdin is /dev/null
	for i := 0; i < 2; i++ {
		exit, err := table.Wait(context.Background(), p.pid)
		if err != nil || exit.Code != 4 {
			t.Fatal(exit, err)
		}
	}
	long, _, _ := spawn(t, shell("sleep 1000"))
	if _, err := table.Wait(cancelled, long.pid); err == nil {
		t.Fatal("waited for a process that runs")
	}
}

func TestAForgottenProcessIsGoneAndARunningOneStays(t *testing.T) {
	ended, record, end := spawn(t, shell("true"))
	result(t, record, end)
	params := shell("read line")
	params.Stdin = piped
	running, record, end := spawn(t, params)
	table.Forget()
	listed := map[int]bool{}
	for _, p := range table.List() {
		listed[p.Pid] = true
	}
	if listed[ended.pid] || !listed[running.pid] {
		t.Fatal(listed)
	}
	_, err := table.Wait(context.Background(), ended.pid)
	wantFault(t, err, "TypeError", "ENOENT", "")
	// It is remembered when it ends.
	_, endInput := feed(t, running)
	endInput()
	result(t, record, end)
	if _, err := table.Wait(context.Background(), running.pid); err != nil {
		t.Fatal(err)
	}
}

func TestOrphansAreReaped(t *testing.T) {
	// As the machine's first process the agent inherits every orphan; here it must ask for them.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	outputs, _ := run(t, shell(`(sleep 0.1 & echo $!) ; exit 0`))
	orphan, err := strconv.Atoi(strings.TrimSpace(outputs[out]))
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		if unix.Kill(orphan, 0) == unix.ESRCH {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the orphan is still a process")
		}
	}
}

func TestOutputGoesOnWhereTheNextReaderIsAttached(t *testing.T) {
	params := shell(`read a; echo "one $a"; read b; echo "two $b"`)
	params.Stdin = piped
	p, sink, err := table.Spawn(context.Background(), params)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = table.Kill(p.pid, "SIGKILL") })
	send, _ := feed(t, p)
	gone := make(chan struct{})
	first, left := newRecorder(), make(chan error, 1)
	go func() { left <- sink.CopyTo(first, gone) }()
	send(contract.FrameStdin, "x\n")
	first.await(t, out, "one x\n")
	close(gone)
	if err := <-left; err == nil {
		t.Fatal("a cancelled reader reported the end")
	}
	_, second, err := table.Attach(p.pid)
	if err != nil {
		t.Fatal(err)
	}
	record, ended := newRecorder(), make(chan error, 1)
	go func() { ended <- second.CopyTo(record, nil) }()
	send(contract.FrameStdin, "y\n")
	outputs, exit := result(t, record, ended)
	if outputs[out] != "two y\n" || !exit.Success {
		t.Fatalf("%q %+v", outputs, exit)
	}
	// After the exit: the ends and the exit come at once.
	_, third, err := table.Attach(p.pid)
	if err != nil {
		t.Fatal(err)
	}
	record = newRecorder()
	if err := third.CopyTo(record, nil); err != nil {
		t.Fatal(err)
	}
	if _, ends := record.outputs(t); ends[out] != 1 || ends[errs] != 1 {
		t.Fatal(ends)
	}
}

func TestANewReaderTakesOverFromTheOld(t *testing.T) {
	params := shell(`read a; echo "$a"`)
	params.Stdin = piped
	p, record, former := spawn(t, params)
	_, sink, err := table.Attach(p.pid)
	if err != nil {
		t.Fatal(err)
	}
	if err := <-former; err != nil {
		t.Fatal(err)
	}
	next, ended := newRecorder(), make(chan error, 1)
	go func() { ended <- sink.CopyTo(next, nil) }()
	send, end := feed(t, p)
	send(contract.FrameStdin, "for the new one\n")
	end()
	if outputs, _ := result(t, next, ended); outputs[out] != "for the new one\n" {
		t.Fatalf("%q", outputs)
	}
	if outputs, _ := record.outputs(t); outputs[out] != "" {
		t.Fatalf("%q", outputs)
	}
}

// stalled is a host that reads nothing until it is released.
type stalled struct {
	recorder
	release chan struct{}
}

func (s *stalled) Write(p []byte) (int, error) {
	<-s.release
	return s.recorder.Write(p)
}

func TestASlowReaderSlowsTheProcess(t *testing.T) {
	progress := filepath.Join(t.TempDir(), "progress")
	// Each round prints 64 KiB and then records it.
	params := shell(`i=0; while [ $i -lt 64 ]; do head -c 65536 /dev/zero; i=$((i+1)); echo $i > "$PROGRESS"; done`)
	params.Env = map[string]string{"PROGRESS": progress}
	p, sink, err := table.Spawn(context.Background(), params)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = table.Kill(p.pid, "SIGKILL") })
	host := &stalled{recorder: recorder{changed: make(chan struct{}, 1)}, release: make(chan struct{})}
	ended := make(chan error, 1)
	go func() { ended <- sink.CopyTo(host, nil) }()
	turns := func() int {
		content, _ := os.ReadFile(progress)
		n, _ := strconv.Atoi(strings.TrimSpace(string(content)))
		return n
	}
	// It fills the buffers on the way, and then stops.
	reached := -1
	for deadline := time.Now().Add(patience); turns() != reached || reached == 0; time.Sleep(200 * time.Millisecond) {
		if reached = turns(); time.Now().After(deadline) {
			t.Fatal("the process did not come to rest")
		}
	}
	const enough = 16
	if reached >= enough {
		t.Fatalf("printed %d pieces that nobody read", reached)
	}
	close(host.release)
	outputs, exit := result(t, &host.recorder, ended)
	if len(outputs[out]) != 64*65536 || !exit.Success {
		t.Fatalf("%d bytes, %+v", len(outputs[out]), exit)
	}
}

func TestOutputThatNobodyReadsIsThrownAway(t *testing.T) {
	p, sink, err := table.Spawn(context.Background(), shell("head -c 10000000 /dev/zero; exit 5"))
	if err != nil {
		t.Fatal(err)
	}
	sink.Detach()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if exit, err := table.Wait(ctx, p.pid); err != nil || exit.Code != 5 {
		t.Fatal(exit, err)
	}
}

func TestEndedProcessesAreRememberedUpToABound(t *testing.T) {
	small := &Table{live: map[int]*Process{}, ended: map[int]*Process{}}
	for pid := 1; pid <= maxEnded+10; pid++ {
		small.remember(&Process{pid: pid, done: make(chan struct{})})
	}
	// A reused PID belongs to the newer process.
	again := &Process{pid: maxEnded, done: make(chan struct{})}
	small.remember(again)
	if len(small.order) != maxEnded || len(small.ended) > maxEnded {
		t.Fatal(len(small.order), len(small.ended))
	}
	if _, err := small.find(5); err == nil {
		t.Fatal("the oldest is still there")
	}
	if p, _ := small.find(maxEnded); p != again {
		t.Fatal("an older process of the same number")
	}
}

func TestListTellsCommandsAndExits(t *testing.T) {
	p, record, ended := spawn(t, contract.SpawnParams{Command: "sh", Args: []string{"-c", "exit 6", strings.Repeat("long", 10_000)}})
	result(t, record, ended)
	for _, info := range table.List() {
		if info.Pid != p.pid {
			continue
		}
		if info.Command != "sh" || info.Exit == nil || info.Exit.Code != 6 || len(strings.Join(info.Args, "")) > maxListedBytes ||
			time.Since(time.UnixMilli(info.StartedAtMs)).Abs() > time.Minute {
			t.Fatalf("%+v", info)
		}
		return
	}
	t.Fatal("not in the list")
}
