package process

import (
	"golang.org/x/sys/unix"

	"sandkeep.dev/guest/internal/fault"
)

// signals are the names a client may send: Deno.Signal's, and a few aliases.
var signals = map[string]unix.Signal{"SIGCLD": unix.SIGCHLD, "SIGIOT": unix.SIGABRT, "SIGPOLL": unix.SIGIO}

// signalNames maps each number to its usual name.
var signalNames = map[unix.Signal]string{}

func init() {
	const lastSignal = 31
	for n := unix.Signal(1); n <= lastSignal; n++ {
		if name := unix.SignalName(n); name != "" {
			signals[name] = n
			signalNames[n] = name
		}
	}
	// Clients know no names for real-time signals, but a process can die of one.
	for n := unix.Signal(lastSignal + 1); n <= 64; n++ {
		signalNames[n] = "SIGRT" + itoa(int(n)-lastSignal-1)
	}
}

func parseSignal(name string) (unix.Signal, error) {
	if signal, ok := signals[name]; ok {
		return signal, nil
	}
	return 0, fault.TypeError("Invalid signal: %s", name)
}
