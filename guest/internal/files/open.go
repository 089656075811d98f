package files

import (
	"os"

	"golang.org/x/sys/unix"

	"sandkeep.dev/guest/internal/contract"
	"sandkeep.dev/guest/internal/fault"
)

// Open opens a file by the rules of Deno.open.
func Open(p contract.OpenParams) (*os.File, error) {
	if err := CheckPath(p.Path); err != nil {
		return nil, err
	}
	flags, err := openFlags(p)
	if err != nil {
		return nil, fault.Path(err, "open", p.Path)
	}
	mode := uint32(0o666)
	if p.Mode != nil {
		mode = *p.Mode & 0o7777
	}
	fd, err := openFd(p.Path, flags, mode)
	if err != nil {
		return nil, fault.Path(err, "open", p.Path)
	}
	return os.NewFile(uintptr(fd), p.Path), nil
}

// openFlags follows Rust's OpenOptions, which Deno uses: it rejects contradictory options.
func openFlags(p contract.OpenParams) (flags int, err error) {
	switch {
	case p.Append && p.Read:
		flags = unix.O_RDWR | unix.O_APPEND
	case p.Append:
		flags = unix.O_WRONLY | unix.O_APPEND
	case p.Read && p.Write:
		flags = unix.O_RDWR
	case p.Write:
		flags = unix.O_WRONLY
	case p.Read:
		flags = unix.O_RDONLY
	default:
		return 0, unix.EINVAL
	}
	if !p.Write && !p.Append && (p.Truncate || p.Create || p.CreateNew) {
		return 0, unix.EINVAL
	}
	if p.Append && p.Truncate && !p.CreateNew {
		return 0, unix.EINVAL
	}
	switch {
	case p.CreateNew:
		return flags | unix.O_CREAT | unix.O_EXCL, nil
	case p.Create:
		flags |= unix.O_CREAT
	}
	if p.Truncate {
		flags |= unix.O_TRUNC
	}
	return flags, nil
}
