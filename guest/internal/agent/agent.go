// Package agent binds the contract's methods to their implementations.
package agent

import (
	"context"
	"net"
	"runtime"
	"runtime/debug"
	"sync"

	"golang.org/x/sys/unix"

	"sandkeep.dev/guest/internal/contract"
	"sandkeep.dev/guest/internal/disks"
	"sandkeep.dev/guest/internal/env"
	"sandkeep.dev/guest/internal/handles"
	"sandkeep.dev/guest/internal/identity"
	"sandkeep.dev/guest/internal/listen"
	"sandkeep.dev/guest/internal/process"
	"sandkeep.dev/guest/internal/rpc"
)

// Version of the agent, set by the build.
var Version = "dev"

// Machine holds what all connections share.
type Machine struct {
	Environment *env.Environment
	Processes   *process.Table
	// Enter makes the root disk the root; nil in development, where the agent has the developer's.
	Enter func() error
	// Adopt gives the machine its identity; nil in development, where the agent has no power over the machine.
	Adopt func(contract.Identity) error
	// DiskOwner has the directories that are created for mounts.
	DiskOwner disks.Owner
	// Wake sets what a pause has made out of date; nil in development.
	Wake func(contract.Moment) error
	// Freeze is empty in development.
	Freeze Freeze

	register sync.Once
	methods  *rpc.Registry
}

// belongings are what one connection has opened.
type belongings struct {
	files     handles.Table
	listeners listen.Table
}

// belongingsKey is the key of a connection's belongings in the contexts of its calls.
type belongingsKey struct{}

func belongingsOf(ctx context.Context) *belongings { return ctx.Value(belongingsKey{}).(*belongings) }

// Serve answers one connection until it ends, then closes what the connection has opened.
func (m *Machine) Serve(conn net.Conn) {
	var open belongings
	defer open.files.CloseAll()
	defer open.listeners.CloseAll()
	m.Freeze.hold()
	rpc.Serve(context.WithValue(context.Background(), belongingsKey{}, &open), conn, m.registry())
}

// registry binds every method of the contract, once for all connections: a clone serves its first one sooner.
func (m *Machine) registry() *rpc.Registry {
	m.register.Do(func() { m.methods = m.newRegistry() })
	return m.methods
}

func (m *Machine) newRegistry() *rpc.Registry {
	registry := rpc.NewRegistry()
	m.registerMachine(registry)
	m.registerDisks(registry)
	m.registerFreeze(registry)
	m.registerEnvironment(registry)
	m.registerProcesses(registry)
	registerFiles(registry)
	registerHandles(registry)
	registerNetwork(registry)
	registerWalks(registry)
	return registry
}

func (m *Machine) registerMachine(r *rpc.Registry) {
	rpc.Call(r, "ping", func(context.Context, contract.None) (contract.Pong, error) {
		return contract.Pong{Protocol: contract.Protocol, Version: Version}, nil
	})
	rpc.Call(r, "enter", func(context.Context, contract.None) (rpc.Null, error) {
		if m.Enter == nil {
			return nil, nil
		}
		return nil, m.Enter()
	})
	rpc.Call(r, "resume", func(_ context.Context, p contract.Identity) (rpc.Null, error) {
		m.Processes.Forget()
		for key, value := range p.Env {
			if err := m.Environment.Set(key, value); err != nil {
				return nil, err
			}
		}
		if m.Adopt == nil {
			return nil, nil
		}
		if err := m.Adopt(p); err != nil {
			return nil, err
		}
		if len(p.CACertificates) > 0 {
			if err := m.trust(); err != nil {
				return nil, err
			}
		}
		return nil, m.Freeze.end()
	})
	rpc.Call(r, "quiesce", func(context.Context, contract.None) (rpc.Null, error) {
		r.Prepare()
		if m.Freeze.Freezer != nil {
			// Before the machine has a root, there is nothing to prepare yet.
			_ = m.Freeze.Freezer.Prepare()
		}
		unix.Sync()
		runtime.GC()
		debug.FreeOSMemory()
		return nil, nil
	})
	rpc.Call(r, "sync", func(context.Context, contract.None) (rpc.Null, error) {
		unix.Sync()
		return nil, nil
	})
}

// trust points processes at the installed certificate authorities, unless a variable is already set.
func (m *Machine) trust() error {
	for _, variable := range identity.AuthorityEnvironment {
		if _, ok := m.Environment.Get(variable.Name); ok {
			continue
		}
		if err := m.Environment.Set(variable.Name, variable.Value); err != nil {
			return err
		}
	}
	return nil
}

func (m *Machine) registerEnvironment(r *rpc.Registry) {
	rpc.Call(r, "envGet", func(_ context.Context, p contract.EnvKey) (*string, error) {
		if value, ok := m.Environment.Get(p.Key); ok {
			return &value, nil
		}
		return nil, nil
	})
	rpc.Call(r, "envSet", func(_ context.Context, p contract.EnvPair) (rpc.Null, error) {
		return nil, m.Environment.Set(p.Key, p.Value)
	})
	rpc.Call(r, "envDelete", func(_ context.Context, p contract.EnvKey) (rpc.Null, error) {
		return nil, m.Environment.Delete(p.Key)
	})
	rpc.Call(r, "envToObject", func(context.Context, contract.None) (map[string]string, error) {
		return m.Environment.All(), nil
	})
}
