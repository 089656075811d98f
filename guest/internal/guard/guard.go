// Package guard keeps a mistake in one goroutine from ending the first process of the machine, and the machine with it.
package guard

import (
	"log"
	"runtime/debug"
)

// Go runs f in a goroutine of its own. A panic in it is logged and ends only that goroutine.
func Go(name string, f func()) {
	go func() {
		defer Recover(name)
		f()
	}()
}

// Recover, deferred, logs a panic and ends it.
func Recover(name string) {
	if cause := recover(); cause != nil {
		log.Printf("%s panicked: %v\n%s", name, cause, debug.Stack())
	}
}
