package transport

import (
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Port is a virtio-serial port.
//
// The kernel's virtio_console has two peculiarities. While no host is connected, every read immediately returns end of
// file, and poll reports a hang-up. A reader must therefore wait for a change, not for a state. The runtime's poller is
// edge-triggered and the driver wakes it when the host connects or disconnects, so here "end of file" just means
// "nothing yet". Nothing is polled in a loop, and an idle port costs nothing.
type Port struct {
	file *os.File
	raw  syscall.RawConn
	// pending are bytes already read that belong to the next connection.
	pending []byte
	// hostServes is whether the host is the HTTP/2 server on this port; usually it is the client.
	hostServes bool
}

// OpenEgressPort opens the character device of a port on which the agent is the HTTP/2 client.
func OpenEgressPort(device string) (*Port, error) {
	port, err := OpenPort(device)
	if err == nil {
		port.hostServes = true
	}
	return port, err
}

// OpenPort opens the character device of a port on which the host is the HTTP/2 client.
func OpenPort(device string) (*Port, error) {
	fd, err := unix.Open(device, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	return newPort(os.NewFile(uintptr(fd), device))
}

func newPort(file *os.File) (*Port, error) {
	raw, err := file.SyscallConn()
	if err != nil {
		return nil, err
	}
	return &Port{file: file, raw: raw}, nil
}

// Serve greets and serves one connection after another. It returns when the port fails.
func (p *Port) Serve(serve Handler) error {
	for {
		rest, err := greet(waitingPort{p})
		if err != nil {
			return err
		}
		p.pending = rest
		conn := &portConn{port: p, tracker: tracker{hadPreface: p.hostServes}}
		serve(conn)
		conn.end()
	}
}

// read reads available bytes. With wait it waits for a host until the file's read deadline; without, it returns io.EOF
// if no host is connected.
func (p *Port) read(to []byte, wait bool) (n int, err error) {
	if len(p.pending) > 0 {
		n = copy(to, p.pending)
		p.pending = p.pending[n:]
		return n, nil
	}
	waitErr := p.raw.Read(func(fd uintptr) bool {
		for {
			n, err = unix.Read(int(fd), to)
			if err != unix.EINTR {
				break
			}
		}
		if err == unix.EAGAIN {
			return false
		}
		if err == nil && n == 0 {
			err = io.EOF
			return !wait
		}
		return true
	})
	if waitErr != nil {
		return 0, waitErr
	}
	return max(n, 0), err
}

// write writes all bytes. While the host does not take them it waits, until the file's write deadline.
func (p *Port) write(from []byte) (written int, err error) {
	waitErr := p.raw.Write(func(fd uintptr) bool {
		for written < len(from) {
			n, failed := unix.Write(int(fd), from[written:])
			switch {
			case failed == unix.EINTR:
			case failed == unix.EAGAIN:
				return false
			case failed != nil:
				err = failed
				return true
			default:
				written += n
			}
		}
		return true
	})
	if waitErr != nil {
		err = waitErr
	}
	return written, err
}

// waitingPort is the port between two connections.
type waitingPort struct{ port *Port }

func (w waitingPort) Read(p []byte) (int, error)  { return w.port.read(p, true) }
func (w waitingPort) Write(p []byte) (int, error) { return w.port.write(p) }

// HostPresent asks the driver, which reports a hang-up while no host is connected.
func (p *Port) HostPresent() bool {
	present := false
	_ = p.raw.Control(func(fd uintptr) {
		state := []unix.PollFd{{Fd: int32(fd)}}
		_, err := unix.Poll(state, 0)
		present = err == nil && state[0].Revents&(unix.POLLHUP|unix.POLLERR|unix.POLLNVAL) == 0
	})
	return present
}
