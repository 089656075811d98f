package process

import (
	"os"

	"golang.org/x/sys/unix"

	"sandkeep.dev/guest/internal/contract"
)

// openSocket makes descriptor 3 one end of a socket pair, for programs that use it in both directions, and descriptor 4
// the pipe on which the process reports.
func (c *plumbing) openSocket() error {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	c.child = append(c.child, os.NewFile(uintptr(fds[0]), "socket"))
	// One file per direction, so that each user closes its own.
	if err := unix.SetNonblock(fds[1], true); err != nil {
		unix.Close(fds[1])
		return err
	}
	reading := os.NewFile(uintptr(fds[1]), "socket")
	c.own = append(c.own, reading)
	second, err := unix.FcntlInt(uintptr(fds[1]), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return err
	}
	writing := os.NewFile(uintptr(second), "socket")
	c.own = append(c.own, writing)
	c.reads = append(c.reads, read{contract.FrameSocket, reading})
	c.process.socket = &input{file: writing, socket: true}

	var out *os.File
	if err := c.openOutput(contract.FrameChannel, &out); err != nil {
		return err
	}
	c.child = append(c.child, out)
	return nil
}

// shutDown signals end of input to the other end of a socket.
func shutDown(file *os.File) {
	raw, err := file.SyscallConn()
	if err != nil {
		return // already closed
	}
	_ = raw.Control(func(fd uintptr) { _ = unix.Shutdown(int(fd), unix.SHUT_WR) })
}
