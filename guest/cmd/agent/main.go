// Command agent runs inside a microVM as its first process, or, with -unix, on a unix socket for development.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"

	"sandkeep.dev/guest/internal/agent"
	"sandkeep.dev/guest/internal/env"
	"sandkeep.dev/guest/internal/process"
	"sandkeep.dev/guest/internal/transport"
)

func main() {
	var socket, home string
	flag.StringVar(&socket, "unix", "", "serve on this unix socket, without any privilege, for development")
	flag.StringVar(&home, "home", "", "with -unix: the directory that relative paths start from (default: the current one)")
	flag.Parse()
	if err := develop(socket, home); err != nil {
		fmt.Fprintln(os.Stderr, "agent:", err)
		os.Exit(1)
	}
}

// develop serves connections as the agent of a machine does, but as the user who started it.
func develop(socket, home string) error {
	if socket == "" {
		return fmt.Errorf("not the first process of a machine: give -unix PATH")
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
	defaults := env.Defaults(os.Getenv("USER"), home)
	defaults["PATH"] = os.Getenv("PATH")
	environment := env.New(defaults)
	processes, err := process.NewTable(process.Config{Environment: environment})
	if err != nil {
		return err
	}
	go processes.Reap(context.Background())
	machine := &agent.Machine{Environment: environment, Processes: processes}
	return transport.ListenUnix(socket, machine.Serve)
}
