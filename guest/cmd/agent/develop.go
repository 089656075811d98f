package main

import (
	"context"
	"errors"
	"os"

	"sandkeep.dev/guest/internal/agent"
	"sandkeep.dev/guest/internal/env"
	"sandkeep.dev/guest/internal/process"
	"sandkeep.dev/guest/internal/transport"
	"sandkeep.dev/guest/internal/workdir"
)

// develop serves connections as the agent of a machine does, but as the user who started it.
func develop(socket, home string) error {
	if socket == "" {
		return errors.New("not the first process of a machine: give -unix PATH")
	}
	if home != "" {
		if err := os.Chdir(home); err != nil {
			return err
		}
	}
	home, err := os.Getwd()
	if err != nil {
		return err
	}
	workdir.Set(home)
	environment := env.New(env.Defaults(os.Getenv("USER"), home))
	// Keep the developer's own PATH, so that their tools are found.
	if err := environment.Set("PATH", os.Getenv("PATH")); err != nil {
		return err
	}
	processes, err := process.NewTable(process.Config{Environment: environment})
	if err != nil {
		return err
	}
	go processes.Reap(context.Background())
	machine := &agent.Machine{Environment: environment, Processes: processes}
	return transport.ListenUnix(socket, machine.Serve)
}
