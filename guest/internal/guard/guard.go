// Package guard contains panics: without it, a bug in one goroutine would end the machine's first process, and the
// machine.
package guard

import (
	"log"
	"runtime/debug"
)

// Go runs f in a new goroutine. A panic in f is logged and ends only that goroutine.
func Go(name string, f func()) {
	go func() {
		defer Recover(name)
		f()
	}()
}

// Recover, when deferred, logs a panic and stops it.
func Recover(name string) {
	if cause := recover(); cause != nil {
		log.Printf("%s panicked: %v\n%s", name, cause, debug.Stack())
	}
}
