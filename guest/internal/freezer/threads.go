package freezer

import "golang.org/x/sys/unix"

// threads remembers which processes are threads of the kernel, which cannot be frozen. Asking for each anew would take
// most of a freeze. A descriptor of each says when it has ended: its pid may be a user's process then.
type threads map[int]int

// add remembers a process that was found to be the kernel's, if it has not ended.
func (t threads) add(pid int, isKernels func() bool) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return
	}
	// Asked again now: before, the pid may have been another process's.
	if !isKernels() {
		unix.Close(fd)
		return
	}
	t[pid] = fd
}

// forgetEnded forgets those that have ended.
func (t threads) forgetEnded() error {
	pids := make([]int, 0, len(t))
	polled := make([]unix.PollFd, 0, len(t))
	for pid, fd := range t {
		pids = append(pids, pid)
		polled = append(polled, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
	}
	for {
		_, err := unix.Poll(polled, 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		break
	}
	for n, found := range polled {
		if found.Revents != 0 {
			unix.Close(int(found.Fd))
			delete(t, pids[n])
		}
	}
	return nil
}
