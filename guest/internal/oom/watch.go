package oom

import (
	"sync"

	"golang.org/x/sys/unix"
)

const (
	// maxRecord is the kernel's limit for one record.
	maxRecord = 8192
	// maxKills bounds what is remembered.
	maxKills = 1024
)

// Confidence that want of memory ended a process.
const (
	High = "high-confidence"
	Low  = "low-confidence"
)

// Watch reads the kernel's log when it is asked, and only then. A nil Watch knows nothing.
type Watch struct {
	mu    sync.Mutex
	kmsg  int
	kills []Kill
}

// Open begins to watch what the kernel logs from now on.
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

// Now is the log's clock.
func Now() int64 {
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now)
	return now.Nano() / 1000
}

// clockSlack covers the difference between the log's clock and the monotonic one.
const clockSlack = 100_000

// Verdict says whether want of memory ended a process that was killed: High when the log names it, Low when something
// else was killed in its lifetime, "" when nothing was.
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
		case err == unix.EPIPE || err == unix.EINTR: // records were overwritten unread; go on with the oldest left
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
