// Command agent runs inside a microVM as its first process, or, with -unix, on a unix socket for development. With
// -tsc-frequency or -copy-pages it runs on the host: it measures a value for the guest's kernel command line, or copies
// memory between machines.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"

	"sandkeep.dev/guest/internal/pages"
	"sandkeep.dev/guest/internal/tsc"
)

const (
	// processors of a sandbox. Set explicitly, so that the runtime does not poll for changes.
	processors = 2
	// memoryGoalBytes is where the garbage collector starts to work harder. The agent normally uses a tenth of it.
	memoryGoalBytes = 96 << 20
)

func main() {
	runtime.GOMAXPROCS(processors)
	debug.SetMemoryLimit(memoryGoalBytes)
	if os.Getpid() == 1 {
		runMachine()
		return
	}
	var socket, home string
	flag.StringVar(&socket, "unix", "", "serve on this unix socket, without any privilege, for development")
	flag.StringVar(&home, "home", "", "with -unix: the directory that relative paths start from (default: the current one)")
	measure := flag.Bool("tsc-frequency", false, "print the frequency of this processor's time stamp counter in kHz")
	copyPages := flag.Bool("copy-pages", false, "copy what machines have changed of their template's memory, as told on standard input")
	flag.Parse()
	if *copyPages {
		if err := pages.Serve(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "agent:", err)
			os.Exit(1)
		}
		return
	}
	if *measure {
		fmt.Println(tsc.FrequencyKHz())
		return
	}
	if err := develop(socket, home); err != nil {
		fmt.Fprintln(os.Stderr, "agent:", err)
		os.Exit(1)
	}
}
