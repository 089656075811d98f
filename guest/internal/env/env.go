// Package env holds the sandbox-wide environment: the image's defaults and the host's additions.
package env

import (
	"strings"
	"sync"

	"sandkeep.dev/guest/internal/fault"
)

// maxBytes limits the whole environment: the kernel gives a new program at most 2 MiB for its environment and
// arguments.
const maxBytes = 1 << 20

// Environment is a set of variables, safe for concurrent use.
type Environment struct {
	mu     sync.RWMutex
	values map[string]string
	bytes  int
}

// New makes an environment with the given defaults.
func New(defaults map[string]string) *Environment {
	e := &Environment{values: make(map[string]string, len(defaults))}
	e.Add(defaults)
	return e
}

// Add sets variables for processes started later.
func (e *Environment) Add(variables map[string]string) {
	for key, value := range variables {
		_ = e.Set(key, value)
	}
}

// Defaults are the variables of a user's processes. The image's /etc/environment, which sets PATH, is read after them.
func Defaults(user, home string) map[string]string {
	return map[string]string{
		"PATH":    SystemPath,
		"HOME":    home,
		"USER":    user,
		"LOGNAME": user,
		"SHELL":   "/bin/bash",
		"LANG":    "C.UTF-8",
		// Turn off update checks: a sandbox does not live long enough to need them, and may not be allowed to make
		// them.
		"DENO_NO_UPDATE_CHECK": "1",
		"NO_UPDATE_NOTIFIER":   "1",
	}
}

// SystemPath is the default search path for commands.
const SystemPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Get returns a variable.
func (e *Environment) Get(key string) (string, bool) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	value, ok := e.values[key]
	return value, ok
}

// Set sets a variable for processes started later.
func (e *Environment) Set(key, value string) error {
	if err := CheckKey(key); err != nil {
		return err
	}
	if strings.IndexByte(value, 0) >= 0 {
		return fault.TypeError("Value contains invalid characters: %q", value)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	grown := e.bytes + len(key) + len(value)
	if old, ok := e.values[key]; ok {
		grown -= len(key) + len(old)
	}
	if grown > maxBytes {
		return fault.WithCode("Error", "E2BIG", "The environment would be larger than %d bytes", maxBytes)
	}
	e.bytes = grown
	e.values[key] = value
	return nil
}

// Delete removes a variable, if there is one.
func (e *Environment) Delete(key string) error {
	if err := CheckKey(key); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if old, ok := e.values[key]; ok {
		e.bytes -= len(key) + len(old)
		delete(e.values, key)
	}
	return nil
}

// All returns a copy.
func (e *Environment) All() map[string]string {
	e.mu.RLock()
	defer e.mu.RUnlock()
	all := make(map[string]string, len(e.values))
	for key, value := range e.values {
		all[key] = value
	}
	return all
}

// CheckKey rejects invalid variable names with Deno's messages.
func CheckKey(key string) error {
	if key == "" {
		return fault.TypeError("Key is an empty string.")
	}
	if strings.ContainsAny(key, "=\x00") {
		return fault.TypeError("Key contains invalid characters: %q", key)
	}
	return nil
}

// AddLines adds the variables of KEY=VALUE lines, as in /etc/environment.
func (e *Environment) AddLines(lines string) {
	for _, line := range strings.Split(lines, "\n") {
		line = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "export "))
		key, value, ok := strings.Cut(line, "=")
		if !ok || strings.HasPrefix(line, "#") {
			continue
		}
		if n := len(value); n >= 2 && (value[0] == '"' || value[0] == '\'') && value[n-1] == value[0] {
			value = value[1 : n-1]
		}
		_ = e.Set(strings.TrimSpace(key), value)
	}
}
