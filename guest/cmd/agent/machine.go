package main

import (
	"context"
	"log"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"

	"sandkeep.dev/guest/internal/agent"
	"sandkeep.dev/guest/internal/boot"
	"sandkeep.dev/guest/internal/contract"
	"sandkeep.dev/guest/internal/disks"
	"sandkeep.dev/guest/internal/env"
	"sandkeep.dev/guest/internal/files"
	"sandkeep.dev/guest/internal/freezer"
	"sandkeep.dev/guest/internal/guard"
	"sandkeep.dev/guest/internal/identity"
	"sandkeep.dev/guest/internal/oom"
	"sandkeep.dev/guest/internal/privilege"
	"sandkeep.dev/guest/internal/process"
	"sandkeep.dev/guest/internal/regular"
	"sandkeep.dev/guest/internal/transport"
	"sandkeep.dev/guest/internal/workdir"
)

const userName = "app"

// systemMask is the umask of file operations and processes until a client sets another.
var systemMask uint32 = 0o022

// runMachine runs the agent as the machine's first process. It never returns, because the kernel panics when init
// exits.
func runMachine() {
	defer func() {
		boot.PowerOff(recover())
		select {}
	}()
	log.SetFlags(0)
	log.SetPrefix("agent: ")
	survive()
	port, machine, err := start()
	if err == nil {
		err = port.Serve(machine.Serve)
	}
	boot.PowerOff(err)
	select {}
}

// start brings the machine up far enough for the host to speak to it. There is no root disk yet: a machine can be
// captured here, and a clone then enters any root.
func start() (*transport.Port, *agent.Machine, error) {
	if err := boot.Prepare(); err != nil {
		return nil, nil, err
	}
	device, err := boot.WaitForPort(contract.ControlPort)
	if err != nil {
		return nil, nil, err
	}
	port, err := transport.OpenPort(device)
	if err != nil {
		return nil, nil, err
	}
	if err := startNetwork(); err != nil {
		log.Printf("no network: %v", err)
	}
	watch, err := oom.Open()
	if err != nil {
		log.Printf("no news of processes killed for want of memory: %v", err)
	}
	environment := env.New(nil)
	processes, err := process.NewTable(process.Config{Environment: environment, Watch: watch})
	if err != nil {
		return nil, nil, err
	}
	guard.Go("reaper", func() { processes.Reap(context.Background()) })
	files.Umask(&systemMask)
	machine := &agent.Machine{Environment: environment, Processes: processes, Adopt: adopt, Wake: wake}
	machine.Freeze = agent.Freeze{Freezer: rootFreezer{freezer.New()}, Starts: processes, HostPresent: port.HostPresent}
	machine.Enter = func() error { return enter(machine) }
	return port, machine, nil
}

// enter makes the root disk the root. From then on the agent works as the root's user.
func enter(machine *agent.Machine) error {
	user, err := boot.Enter(userName)
	if err != nil {
		return err
	}
	machine.Environment.Add(env.Defaults(user.Name, user.Home))
	if lines, err := regular.Read("/etc/environment"); err == nil {
		machine.Environment.AddLines(string(lines))
	}
	machine.DiskOwner = disks.Owner{UID: user.UID, GID: user.GID}
	machine.Processes.RunAs(&syscall.Credential{Uid: user.UID, Gid: user.GID, Groups: user.Groups})
	workdir.Set(user.Home)
	return privilege.Become(user.UID, user.GID, user.Groups)
}

// adopt applies an identity, as root.
func adopt(raw contract.Identity) error {
	parsed, err := identity.Parse(raw)
	if err != nil {
		return err
	}
	return privilege.Do(parsed.Adopt)
}

// wake sets the clock and the like after a pause, as root.
func wake(raw contract.Moment) error {
	parsed, err := identity.ParseMoment(raw)
	if err != nil {
		return err
	}
	return privilege.Do(parsed.Wake)
}

// rootFreezer freezes as root.
type rootFreezer struct{ *freezer.Freezer }

func (f rootFreezer) Freeze() error { return privilege.Do(f.Freezer.Freeze) }
func (f rootFreezer) Thaw() error   { return privilege.Do(f.Freezer.Thaw) }

// survive keeps signals from ending the agent. They are caught rather than ignored, because children inherit ignored
// signals.
func survive() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGPIPE, unix.SIGUSR1, unix.SIGUSR2,
		unix.SIGALRM, unix.SIGVTALRM, unix.SIGABRT, unix.SIGTRAP, unix.SIGSEGV, unix.SIGBUS, unix.SIGFPE, unix.SIGILL,
		unix.SIGSYS, unix.SIGIO, unix.SIGPWR, unix.SIGXCPU, unix.SIGXFSZ, unix.SIGPROF, unix.SIGSTKFLT)
	guard.Go("signals", func() {
		for range signals {
			continue
		}
	})
}
