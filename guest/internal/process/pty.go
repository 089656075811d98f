package process

import (
	"os"

	"golang.org/x/sys/unix"

	"sandkeep.dev/guest/internal/fault"
)

// maxTerminalSide limits columns and rows: the kernel stores them in 16 bits.
const maxTerminalSide = 1<<16 - 1

// openTerminal makes a pseudo terminal of the given size. It returns the agent's end and the process's end.
func openTerminal(cols, rows int) (master, slave *os.File, err error) {
	master, err = os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			master.Close()
		}
	}()
	var number int
	err = ioctl(master, func(fd int) (err error) {
		if err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
			return err
		}
		number, err = unix.IoctlGetInt(fd, unix.TIOCGPTN)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	if err = resize(master, cols, rows); err != nil {
		return nil, nil, err
	}
	fd, err := unix.Open("/dev/pts/"+itoa(number), unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	return master, os.NewFile(uintptr(fd), "terminal"), nil
}

func resize(master *os.File, cols, rows int) error {
	if cols < 1 || rows < 1 || cols > maxTerminalSide || rows > maxTerminalSide {
		return fault.TypeError("Invalid terminal size: %d columns, %d rows", cols, rows)
	}
	size := &unix.Winsize{Col: uint16(cols), Row: uint16(rows)}
	return ioctl(master, func(fd int) error { return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, size) })
}

// ioctl makes a call on an open file without removing it from the runtime's poller.
func ioctl(file *os.File, call func(fd int) error) error {
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = call(int(fd)) }); err != nil {
		return unix.EIO // closed: nobody uses the terminal any more
	}
	if failed != nil {
		return fault.From(failed)
	}
	return nil
}
