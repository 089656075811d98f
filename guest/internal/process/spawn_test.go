package process

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sandkeep.dev/guest/internal/contract"
)

const (
	out     = contract.FrameStdout
	errs    = contract.FrameStderr
	channel = contract.FrameChannel
)

func TestOutputAndExitCodeArrive(t *testing.T) {
	outputs, exit := run(t, shell("echo out; echo err >&2; exit 7"))
	if outputs[out] != "out\n" || outputs[errs] != "err\n" || exit.Code != 7 || exit.Success || exit.Signal != nil || exit.OOM != nil {
		t.Fatalf("%q %+v", outputs, exit)
	}
}

func TestOutputThatIsNotPipedIsThrownAway(t *testing.T) {
	params := shell("echo out; echo err >&2; cat")
	params.Stdout, params.Stderr = "null", ""
	outputs, exit := run(t, params)
	if outputs[out]+outputs[errs] != "" || !exit.Success {
		t.Fatalf("%q %+v", outputs, exit)
	}
}

func TestProcessesLeadAGroupOfTheirOwn(t *testing.T) {
	outputs, _ := run(t, shell(`cat /proc/$$/stat`))
	fields := strings.Fields(outputs[out]) // proc(5): pid (comm) state ppid pgrp session
	if len(fields) < 6 || fields[0] != fields[4] || fields[0] != fields[5] {
		t.Fatal(fields)
	}
}

func TestEnvironmentIsLayered(t *testing.T) {
	params := shell(`echo "$SANDBOX $OWN"`)
	params.Env = map[string]string{"OWN": "mine"}
	if outputs, _ := run(t, params); outputs[out] != "wide mine\n" {
		t.Fatalf("%q", outputs)
	}
	params.Env["SANDBOX"] = "narrow"
	if outputs, _ := run(t, params); outputs[out] != "narrow mine\n" {
		t.Fatalf("%q", outputs)
	}
	params = contract.SpawnParams{Command: "env", Stdout: piped, ClearEnv: true, Env: map[string]string{"OWN": "mine"}}
	if outputs, _ := run(t, params); outputs[out] != "OWN=mine\n" {
		t.Fatalf("%q", outputs)
	}
	params.Env = map[string]string{"A=B": ""}
	_, _, err := table.Spawn(context.Background(), params)
	wantFault(t, err, "TypeError", "", "")
}

func script(t *testing.T, directory, name, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(directory, name), []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(directory, name), mode); err != nil {
		t.Fatal(err)
	}
}

func TestCommandsAreLookedForInTheChildsPath(t *testing.T) {
	directory := t.TempDir()
	script(t, directory, "greet", "#!/bin/sh\necho hello\n", 0o755)
	params := contract.SpawnParams{Command: "greet", Stdout: piped}
	_, _, err := table.Spawn(context.Background(), params)
	wantFault(t, err, "NotFound", "ENOENT", "Failed to spawn 'greet': entity not found")
	params.Env = map[string]string{"PATH": "/nowhere:" + directory}
	if outputs, _ := run(t, params); outputs[out] != "hello\n" {
		t.Fatalf("%q", outputs)
	}
	params = contract.SpawnParams{Command: "./greet", Stdout: piped, Cwd: directory}
	if outputs, _ := run(t, params); outputs[out] != "hello\n" {
		t.Fatalf("%q", outputs)
	}
	params = contract.SpawnParams{Command: "greet", Stdout: piped, Cwd: directory, Env: map[string]string{"PATH": "."}}
	if outputs, _ := run(t, params); outputs[out] != "hello\n" {
		t.Fatalf("%q", outputs)
	}
}

func TestWhatCannotBeStartedSaysWhy(t *testing.T) {
	directory := t.TempDir()
	script(t, directory, "plain", "echo ran by the shell: $1\n", 0o755)
	script(t, directory, "data", "no program", 0o644)
	spawnError := func(command, cwd string) error {
		_, _, err := table.Spawn(context.Background(), contract.SpawnParams{Command: command, Cwd: cwd})
		return err
	}
	wantFault(t, spawnError("./missing", directory), "NotFound", "ENOENT", "Failed to spawn './missing': No such file or directory (os error 2)")
	wantFault(t, spawnError("./data", directory), "PermissionDenied", "EACCES", "Failed to spawn './data': Permission denied (os error 13)")
	wantFault(t, spawnError("true", directory+"/none"), "NotFound", "ENOENT", "Failed to spawn 'true': No such cwd '"+directory+"/none'")
	wantFault(t, spawnError("true", directory+"/data"), "NotFound", "ENOTDIR", "Failed to spawn 'true': cwd is not a directory '"+directory+"/data'")
	wantFault(t, spawnError("tr\x00ue", ""), "TypeError", "", "")
	wantFault(t, spawnError("", ""), "NotFound", "ENOENT", "Failed to spawn '': entity not found")
	outputs, _ := run(t, contract.SpawnParams{Command: "./plain", Args: []string{"arg"}, Cwd: directory, Stdout: piped})
	if outputs[out] != "ran by the shell: arg\n" {
		t.Fatalf("%q", outputs)
	}
}

func TestChannelCarriesBothWays(t *testing.T) {
	params := shell(`read line <&4; echo "got $line" >&3; cat <&4 >&3`)
	params.Channel = true
	p, record, ended := spawn(t, params)
	send, end := feed(t, p)
	send(contract.FrameToChannel, "one\n")
	record.await(t, channel, "got one\n")
	send(contract.FrameToChannel, "two")
	end()
	outputs, exit := result(t, record, ended)
	if outputs[channel] != "got one\ntwo" || !exit.Success {
		t.Fatalf("%q %+v", outputs, exit)
	}
}

func TestStdinEndsWithAnEmptyFrameAndOthersGoOn(t *testing.T) {
	params := shell(`cat; read line <&4; echo "$line"`)
	params.Stdin, params.Channel = piped, true
	p, record, ended := spawn(t, params)
	send, end := feed(t, p)
	send(contract.FrameStdin, "from stdin\n")
	send(contract.FrameStdin, "")
	record.await(t, out, "from stdin\n")
	send(contract.FrameToChannel, "from channel\n")
	end()
	outputs, _ := result(t, record, ended)
	if outputs[out] != "from stdin\nfrom channel\n" {
		t.Fatalf("%q", outputs)
	}
}

func TestAProcessThatClosesItsStdinLivesOn(t *testing.T) {
	params := shell(`exec 0<&-; echo closed; read line <&4; echo "$line"`)
	params.Stdin, params.Channel = piped, true
	p, record, ended := spawn(t, params)
	send, end := feed(t, p)
	record.await(t, out, "closed\n")
	for i := 0; i < 20; i++ {
		send(contract.FrameStdin, strings.Repeat("x", contract.MaxFrameBytes))
	}
	send(contract.FrameToChannel, "still here\n")
	end()
	outputs, exit := result(t, record, ended)
	if outputs[out] != "closed\nstill here\n" || !exit.Success {
		t.Fatalf("%q %+v", outputs, exit)
	}
}

func TestSocketCarriesBothWaysOnOneDescriptor(t *testing.T) {
	params := shell(`read line <&3; echo "got $line" >&3; echo report >&4; cat <&3 >&3`)
	params.Socket = true
	p, record, ended := spawn(t, params)
	send, end := feed(t, p)
	send(contract.FrameToSocket, "one\n")
	record.await(t, contract.FrameSocket, "got one\n")
	record.await(t, channel, "report\n")
	send(contract.FrameToSocket, "two")
	end()
	outputs, exit := result(t, record, ended)
	if outputs[contract.FrameSocket] != "got one\ntwo" || !exit.Success {
		t.Fatalf("%q %+v", outputs, exit)
	}
}
