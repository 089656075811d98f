package process

import (
	"encoding/json"
	"os"
	"time"

	"sandkeep.dev/guest/internal/contract"
)

// Process is a process started for the host.
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
	hangUp   bool     // see Forsaken

	// exit is set before done is closed.
	exit *contract.ExitStatus
	done chan struct{}
}

// Pid is the process's ID, and that of its group.
func (p *Process) Pid() int { return p.pid }

// Forsaken tells the process that the host is gone, if it was started for somebody who was there: its outputs are closed, and
// a terminal hangs up.
func (p *Process) Forsaken() {
	if p.hangUp {
		p.output.close(contract.FrameStdout)
		p.output.close(contract.FrameStderr)
	}
}

// finish publishes the exit.
func (p *Process) finish(exit *contract.ExitStatus) {
	p.exit = exit
	close(p.done)
	// The host no longer uses these, and a blocked writer must not wait for ever.
	p.stdin.close()
	p.channel.close()
	p.socket.close()
	payload, _ := json.Marshal(exit)
	p.output.exited(payload)
}

const (
	// maxListedBytes limits how much of one process's command and arguments processList returns.
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

// shorten keeps the beginning of a long command line.
func shorten(command string, args []string) (string, []string) {
	left := maxListedBytes
	cut := func(text string) string {
		text = text[:min(len(text), left)]
		left -= len(text)
		return string([]byte(text)) // a copy, so that the whole message can be freed
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
