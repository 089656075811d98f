package oom

import (
	"sync"

	"golang.org/x/sys/unix"
)

const (
	// maxRecord is the kernel's size limit for one record.
	maxRecord = 8192
	// maxKills limits the number of remembered kills.
	maxKills = 1024
)

// Confidence that a process was killed for lack of memory.
const (
	High = "high-confidence"
	Low  = "low-confidence"
)

// Watch reads the kernel's log only when queried. A nil Watch knows nothing.
type Watch struct {
	mu    sync.Mutex
	kmsg  int
	kills []Kill
}

// Open starts watching the kernel's log from now on.
func Open() (*Watch, error) {
	fd, err := unix.Open("/dev/kmsg", unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if _, err := unix.Seek(fd, 0, unix.SEEK_END); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return &Watch{kmsg: fd}, nil
}

// Now returns the time on the log's clock.
func Now() int64 {
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now)
	return now.Nano() / 1000
}

// clockSlack allows for the difference between the log's clock and the monotonic one.
const clockSlack = 100_000

// Verdict reports whether lack of memory ended a killed process: High if the log names it, Low if another process was
// OOM-killed in its lifetime, "" otherwise.
func (w *Watch) Verdict(pid int, startedMicros int64) string {
	if w == nil {
		return ""
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.drain()
	verdict := ""
	for _, kill := range w.kills {
		if kill.AtMicros < startedMicros-clockSlack {
			continue
		}
		if kill.Pid == pid {
			return High
		}
		verdict = Low
	}
	return verdict
}

// drain reads all new records.
func (w *Watch) drain() {
	record := make([]byte, maxRecord)
	for {
		n, err := unix.Read(w.kmsg, record)
		switch {
		case err == unix.EPIPE || err == unix.EINTR: // records were overwritten before they were read; continue with the oldest left
		case err != nil || n <= 0:
			return
		default:
			if kill, ok := ParseRecord(record[:n]); ok {
				if len(w.kills) == maxKills {
					w.kills = w.kills[1:]
				}
				w.kills = append(w.kills, kill)
			}
		}
	}
}
