package process

import (
	"context"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"sandkeep.dev/guest/internal/contract"
	"sandkeep.dev/guest/internal/env"
	"sandkeep.dev/guest/internal/fault"
	"sandkeep.dev/guest/internal/oom"
	"sandkeep.dev/guest/internal/workdir"
)

const defaultTerm = "xterm-256color"

// Spawn starts a process with the sink attached from the first byte. The context's end only matters before the start.
func (t *Table) Spawn(ctx context.Context, params contract.SpawnParams) (*Process, *Sink, error) {
	variables, err := t.variables(params)
	if err != nil {
		return nil, nil, err
	}
	if strings.IndexByte(params.Command+params.Cwd+strings.Join(params.Args, ""), 0) >= 0 {
		return nil, nil, fault.TypeError("Failed to spawn '%s': nul byte found in provided data", params.Command)
	}
	program, err := lookup(params.Command, workdir.Resolve(params.Cwd), variables)
	if err != nil {
		return nil, nil, err
	}
	plumbing, err := connect(params, t.null)
	if err != nil {
		return nil, nil, failedToSpawn(params.Command, err)
	}
	plumbing.giveTo(t.user.Load())
	p := plumbing.process
	p.command, p.args = shorten(params.Command, params.Args)
	p.hangUp = params.HangUp
	sink := p.output.attach()
	err = t.start(ctx, p, program, params, variables, plumbing)
	plumbing.closeChildEnds()
	if err != nil {
		plumbing.closeOwnEnds()
		return nil, nil, err
	}
	plumbing.pump()
	return p, sink, nil
}

// variables returns the child's environment.
func (t *Table) variables(params contract.SpawnParams) (map[string]string, error) {
	var variables map[string]string
	if params.ClearEnv {
		variables = make(map[string]string, len(params.Env)+1)
	} else {
		variables = t.config.Environment.All()
	}
	if params.Pty != nil {
		variables["TERM"] = defaultTerm
		if params.Pty.Term != "" {
			variables["TERM"] = params.Pty.Term
		}
	}
	for key, value := range params.Env {
		if err := env.CheckKey(key); err != nil {
			return nil, err
		}
		if strings.IndexByte(value, 0) >= 0 {
			return nil, fault.TypeError("Failed to spawn '%s': nul byte found in provided data", params.Command)
		}
		variables[key] = value
	}
	return variables, nil
}

// start starts the program and registers the process.
func (t *Table) start(ctx context.Context, p *Process, program string, params contract.SpawnParams, variables map[string]string, plumbing *plumbing) error {
	attributes := &syscall.ProcAttr{
		Dir:   workdir.Resolve(params.Cwd),
		Env:   make([]string, 0, len(variables)),
		Files: plumbing.childFds(),
		Sys:   &syscall.SysProcAttr{Setsid: true, Credential: t.user.Load()},
	}
	if params.Pty != nil {
		attributes.Sys.Setctty = true // descriptor 0
	}
	for key, value := range variables {
		attributes.Env = append(attributes.Env, key+"="+value)
	}
	argv := append([]string{params.Command}, params.Args...)

	if err := t.gate.enter(ctx); err != nil {
		return err
	}
	defer t.gate.leave()
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.live) >= maxLive {
		return failedToSpawn(params.Command, unix.EAGAIN)
	}
	p.startedAt, p.startedMicros = time.Now(), oom.Now()
	pid, err := syscall.ForkExec(program, argv, attributes)
	if err == unix.ENOEXEC {
		// A script without "#!": like the C library's execvp, which Deno uses, run it with the shell.
		pid, err = syscall.ForkExec("/bin/sh", append([]string{"/bin/sh", program}, params.Args...), attributes)
	}
	if err != nil {
		if cwdErr := checkCwd(params.Command, params.Cwd); cwdErr != nil {
			return cwdErr
		}
		return failedToSpawn(params.Command, err)
	}
	p.pid = pid
	t.live[pid] = p
	return nil
}

// Attach reconnects to a process whose spawn stream has ended.
func (t *Table) Attach(pid int) (*Process, *Sink, error) {
	p, err := t.find(pid)
	if err != nil {
		return nil, nil, err
	}
	return p, p.output.attach(), nil
}
