package process

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"sandkeep.dev/guest/internal/contract"
	"sandkeep.dev/guest/internal/guard"
)

// plumbing holds the files between a process and the agent until the process is started.
type plumbing struct {
	process *Process
	child   []*os.File // by descriptor
	shared  *os.File   // /dev/null, which stays open
	own     []*os.File
	reads   []read
}

type read struct {
	kind byte
	file *os.File
}

// connect opens pipes or a terminal as the params require.
func connect(params contract.SpawnParams, null *os.File) (_ *plumbing, err error) {
	c := &plumbing{
		process: &Process{done: make(chan struct{})},
		child:   []*os.File{null, null, null},
		shared:  null,
	}
	defer func() {
		if err != nil {
			c.closeChildEnds()
			c.closeOwnEnds()
		}
	}()
	if params.Pty != nil {
		err = c.openTerminal(params.Pty)
	} else {
		err = c.openPipes(params)
	}
	if err == nil && params.Socket {
		err = c.openSocket()
	} else if err == nil && params.Channel {
		err = c.openChannel()
	}
	if err != nil {
		return nil, err
	}
	c.process.output = newOutput(c.reads...)
	return c, nil
}

func (c *plumbing) openTerminal(params *contract.PtyParams) error {
	master, slave, err := openTerminal(params.Cols, params.Rows)
	if err != nil {
		return err
	}
	c.own = append(c.own, master)
	c.child = []*os.File{slave, slave, slave}
	c.reads = append(c.reads, read{contract.FrameStdout, master})
	c.process.terminal = master
	c.process.stdin = &input{file: master, terminal: true}
	return nil
}

const piped = "piped"

func (c *plumbing) openPipes(params contract.SpawnParams) error {
	if params.Stdin == piped {
		theirs, ours, err := pipe(false)
		if err != nil {
			return err
		}
		c.child[0] = theirs
		c.own = append(c.own, ours)
		c.process.stdin = &input{file: ours}
	}
	for _, out := range []struct {
		kind byte
		mode string
	}{{contract.FrameStdout, params.Stdout}, {contract.FrameStderr, params.Stderr}} {
		if out.mode != piped {
			continue
		}
		if err := c.openOutput(out.kind, &c.child[out.kind]); err != nil {
			return err
		}
	}
	return nil
}

// openChannel adds the pipe pair: the process writes to descriptor 3 and reads from 4.
func (c *plumbing) openChannel() error {
	var out *os.File
	if err := c.openOutput(contract.FrameChannel, &out); err != nil {
		return err
	}
	c.child = append(c.child, out)
	theirs, ours, err := pipe(false)
	if err != nil {
		return err
	}
	c.child = append(c.child, theirs)
	c.own = append(c.own, ours)
	c.process.channel = &input{file: ours}
	return nil
}

func (c *plumbing) openOutput(kind byte, child **os.File) error {
	ours, theirs, err := pipe(true)
	if err != nil {
		return err
	}
	*child = theirs
	c.own = append(c.own, ours)
	c.reads = append(c.reads, read{kind, ours})
	return nil
}

// pipe makes a pipe. The agent's end, for reading or writing, never blocks a thread.
func pipe(ownReads bool) (r, w *os.File, err error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		return nil, nil, err
	}
	own := fds[1]
	if ownReads {
		own = fds[0]
	}
	if err := unix.SetNonblock(own, true); err != nil {
		return nil, nil, err
	}
	return os.NewFile(uintptr(fds[0]), "|0"), os.NewFile(uintptr(fds[1]), "|1"), nil
}

// giveTo makes the process's user the owner of its ends: otherwise that user could not open /dev/stdout,
// /proc/self/fd/3 or the terminal by name, because the agent made them.
func (c *plumbing) giveTo(user *syscall.Credential) {
	if user == nil {
		return
	}
	for _, file := range c.child {
		if file != c.shared {
			_ = file.Chown(int(user.Uid), -1) // only root may; otherwise the process runs as the same user
		}
	}
}

func (c *plumbing) childFds() []uintptr {
	fds := make([]uintptr, len(c.child))
	for i, file := range c.child {
		fds[i] = fdOf(file)
	}
	return fds
}

// fdOf returns a file's descriptor; File.Fd would make it blocking.
func fdOf(file *os.File) (number uintptr) {
	raw, err := file.SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) { number = fd })
	}
	if err != nil {
		return ^uintptr(0)
	}
	return number
}

func (c *plumbing) closeChildEnds() {
	for _, file := range c.child {
		if file != c.shared {
			file.Close() // a terminal is listed three times; closing it again does nothing
		}
	}
}

func (c *plumbing) closeOwnEnds() {
	for _, file := range c.own {
		file.Close()
	}
}

func (c *plumbing) pump() {
	for _, r := range c.reads {
		guard.Go("output", func() { c.process.output.pump(r.kind, r.file) })
	}
}
