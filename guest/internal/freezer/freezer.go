// Package freezer stops every process of the machine but the agent, and lets them go on, with the kernel's control
// groups. Nobody notices: no signal, no stopped job. It must run as root.
package freezer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// group is where processes that have no group of their own are put when they are first frozen. Putting them there
	// when they start would cost each start.
	group = "sandkeep"
	// patience limits the wait until all processes have stopped. One that waits for a disk cannot stop before it has an
	// answer.
	patience = 5 * time.Second
	look     = time.Millisecond
	// rounds limits how often processes and groups that have just come to be are looked for.
	rounds = 50
	// kernelThread is PF_KTHREAD in the flags of /proc/PID/stat.
	kernelThread = 0x0020_0000
)

// Freezer freezes the machine's processes.
type Freezer struct {
	groups, processes string

	mu sync.Mutex
	// frozen are the groups that Freeze has frozen.
	frozen []string
	kernel threads
}

// New makes a freezer. It does nothing until Freeze.
func New() *Freezer {
	return &Freezer{groups: "/sys/fs/cgroup", processes: "/proc", kernel: threads{}}
}

// Freeze stops all processes. If it fails, none is stopped.
func (f *Freezer) Freeze() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.frozen) > 0 {
		return nil
	}
	err := f.freeze()
	if err != nil {
		err = errors.Join(err, f.thaw())
	}
	return err
}

// Thaw lets all processes go on that Freeze has stopped.
func (f *Freezer) Thaw() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.thaw()
}

// Frozen returns whether Freeze has stopped the processes.
func (f *Freezer) Frozen() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.frozen) > 0
}

// Prepare does in a template what the first Freeze would do in each of its clones.
func (f *Freezer) Prepare() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.makeGroup(); err != nil {
		return err
	}
	_, err := f.ungrouped()
	return err
}

func (f *Freezer) makeGroup() error {
	if err := unix.Mkdir(filepath.Join(f.groups, group), 0o755); err != nil && err != unix.EEXIST {
		return err
	}
	return nil
}

func (f *Freezer) freeze() error {
	if err := f.makeGroup(); err != nil {
		return err
	}
	// Frozen first, so that what is put into it stops at once and starts nothing new.
	if _, err := f.freezeGroups(); err != nil {
		return err
	}
	for range rounds {
		processes, err := f.collect()
		if err != nil {
			return err
		}
		// In this order: a process that was still free may have made another group and gone there.
		groups, err := f.freezeGroups()
		if err != nil {
			return err
		}
		if processes == 0 && groups == 0 {
			return f.wait()
		}
	}
	return errors.New("processes start faster than they can be stopped")
}

// freezeGroups freezes all groups that are not frozen. Those inside them are frozen with them. It returns how many there
// were.
func (f *Freezer) freezeGroups() (int, error) {
	names, err := directories(f.groups)
	if err != nil {
		return 0, err
	}
	found := 0
	for _, name := range names {
		path := filepath.Join(f.groups, name)
		state, err := readFile(filepath.Join(path, "cgroup.freeze"))
		// Removed meanwhile, or frozen by whoever made it.
		if errors.Is(err, os.ErrNotExist) || strings.TrimSpace(string(state)) == "1" {
			continue
		}
		err = write(path, "cgroup.freeze", "1")
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return found, err
		}
		f.frozen = append(f.frozen, path)
		found++
	}
	return found, nil
}

// collect puts processes that have no group into ours. It returns how many there were.
func (f *Freezer) collect() (int, error) {
	pids, err := f.ungrouped()
	if err != nil {
		return 0, err
	}
	for n, pid := range pids {
		if err := write(filepath.Join(f.groups, group), "cgroup.procs", strconv.Itoa(pid)); err != nil {
			if _, err := f.kindOf(pid); err != nil {
				continue
			}
			return n, fmt.Errorf("process %d cannot be stopped: %w", pid, err)
		}
	}
	return len(pids), nil
}

// ungrouped returns the processes that have no group, except for the agent and the kernel's.
func (f *Freezer) ungrouped() (pids []int, err error) {
	list, err := readFile(filepath.Join(f.groups, "cgroup.procs"))
	if err != nil {
		return nil, err
	}
	// After the list was read: what is on it and still a thread of the kernel was one.
	if err := f.kernel.forgetEnded(); err != nil {
		return nil, err
	}
	for _, line := range strings.Fields(string(list)) {
		pid, err := strconv.Atoi(line)
		if _, known := f.kernel[pid]; err != nil || pid == os.Getpid() || known {
			continue
		}
		kind, err := f.kindOf(pid)
		if err != nil {
			continue // It has ended.
		}
		if kind == ofKernel {
			f.kernel.add(pid, func() bool {
				kind, err := f.kindOf(pid)
				return err == nil && kind == ofKernel
			})
			continue
		}
		if kind != zombie {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

type kind int

const (
	ofUser kind = iota
	ofKernel
	zombie
)

// kindOf reads /proc/PID/stat: after the name in parentheses follow the state and, as the 7th field, the flags.
func (f *Freezer) kindOf(pid int) (kind, error) {
	stat, err := readFile(filepath.Join(f.processes, strconv.Itoa(pid), "stat"))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) < 7 {
		return 0, errors.New("unknown format")
	}
	flags, err := strconv.ParseUint(fields[6], 10, 64)
	switch {
	case err != nil:
		return 0, err
	case flags&kernelThread != 0:
		return ofKernel, nil
	case fields[0] == "Z":
		return zombie, nil
	}
	return ofUser, nil
}

// wait waits until all processes have stopped.
func (f *Freezer) wait() error {
	deadline := time.Now().Add(patience)
	for _, path := range f.frozen {
		for {
			events, err := readFile(filepath.Join(path, "cgroup.events"))
			if errors.Is(err, os.ErrNotExist) || strings.Contains(string(events), "frozen 1") {
				break
			}
			if err != nil {
				return err
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("not all processes of %s could be stopped within %s", filepath.Base(path), patience)
			}
			time.Sleep(look)
		}
	}
	return nil
}

func (f *Freezer) thaw() error {
	var failed error
	var left []string
	for _, path := range f.frozen {
		if err := write(path, "cgroup.freeze", "0"); err != nil && !errors.Is(err, os.ErrNotExist) {
			failed = errors.Join(failed, err)
			left = append(left, path)
		}
	}
	f.frozen = left
	return failed
}
