package process

import (
	"encoding/json"
	"os"
	"time"

	"sandkeep.dev/guest/internal/contract"
)

// Process is one that the host asked for.
type Process struct {
	pid           int
	command       string
	args          []string
	startedAt     time.Time
	startedMicros int64 // on the kernel log's clock

	stdin    *input
	channel  *input
	socket   *input
	output   *output
	terminal *os.File // nil without one

	// exit is set before done is closed.
	exit *contract.ExitStatus
	done chan struct{}
}

// Pid is the process's number, which is also that of its group.
func (p *Process) Pid() int { return p.pid }

// finish publishes the exit.
func (p *Process) finish(exit *contract.ExitStatus) {
	p.exit = exit
	close(p.done)
	// Nobody the host knows reads these any more, and a writer that waits must not wait for ever.
	p.stdin.close()
	p.channel.close()
	p.socket.close()
	payload, _ := json.Marshal(exit)
	p.output.exited(payload)
}

const (
	// maxListedBytes bounds what processList repeats of one process's command and arguments.
	maxListedBytes = 2048
)

func (p *Process) info() contract.ProcessInfo {
	info := contract.ProcessInfo{
		Pid:         p.pid,
		Command:     p.command,
		Args:        p.args,
		StartedAtMs: p.startedAt.UnixMilli(),
	}
	select {
	case <-p.done:
		info.Exit = p.exit
	default:
	}
	return info
}

// shorten keeps of a command line what is worth repeating.
func shorten(command string, args []string) (string, []string) {
	left := maxListedBytes
	cut := func(text string) string {
		text = text[:min(len(text), left)]
		left -= len(text)
		return string([]byte(text)) // not the whole message's memory
	}
	command = cut(command)
	kept := make([]string, 0, min(len(args), 16))
	for _, arg := range args {
		if left == 0 {
			break
		}
		kept = append(kept, cut(arg))
	}
	return command, kept
}
