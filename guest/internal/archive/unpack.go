package archive

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"sandkeep.dev/guest/internal/contract"
	"sandkeep.dev/guest/internal/fault"
	"sandkeep.dev/guest/internal/files"
)

// Unpack writes an archive into a directory, creating it if necessary. Existing entries are overwritten as by cp: a
// file in place, a link by replacing it; directories are merged.
func Unpack(ctx context.Context, path string, in io.Reader) (contract.TreeWritten, error) {
	u := &unpacker{ctx: ctx, path: path}
	if err := files.CheckPath(path); err != nil {
		return u.written, err
	}
	err := u.all(tar.NewReader(bufio.NewReaderSize(in, files.BufferBytes)))
	for len(u.above) > 0 {
		if failed := u.leave(); err == nil {
			err = failed
		}
	}
	return u.written, err
}

type unpacker struct {
	ctx     context.Context
	path    string
	written contract.TreeWritten
	// above are the directories from the root down to the one being filled.
	above []directory
}

// directory gets its mode and time once its contents are complete: adding entries changes the time, and the mode may
// forbid adding them.
type directory struct {
	prefix string // precedes the names in it
	path   string
	made   bool // by this archive; existing directories keep their mode and time
	mode   uint32
	time   time.Time
}

func (u *unpacker) all(archive *tar.Reader) error {
	for {
		header, err := archive.Next()
		if err == io.EOF {
			if len(u.above) == 0 {
				return malformed("it is empty")
			}
			return nil
		}
		if err != nil {
			return readFailed(err)
		}
		if err := u.ctx.Err(); err != nil {
			return err
		}
		if err := u.entry(header, archive); err != nil {
			return err
		}
	}
}

func (u *unpacker) entry(header *tar.Header, content io.Reader) error {
	if header.Typeflag == tar.TypeXGlobalHeader {
		return nil
	}
	path, err := u.place(header)
	if err != nil {
		return err
	}
	switch header.Typeflag {
	case tar.TypeDir:
		return u.directory(header, path)
	case tar.TypeReg:
		u.written.Files++
		return u.file(header, path, content)
	case tar.TypeSymlink:
		if err := files.CheckName(header.Linkname); err != nil {
			return err
		}
		return link(header, path)
	}
	return malformed("'%s' is neither a file nor a directory nor a link", header.Name)
}

// place finds the parent of an entry, which must be one of the directories above; those below the parent are then
// complete.
func (u *unpacker) place(header *tar.Header) (string, error) {
	if len(u.above) == 0 {
		if header.Name != root || header.Typeflag != tar.TypeDir {
			return "", malformed("it does not begin with '%s'", root)
		}
		return u.path, nil
	}
	name := strings.TrimSuffix(header.Name, "/")
	at := strings.LastIndexByte(name, '/') + 1
	prefix, base := name[:at], name[at:]
	if base == "" || base == "." || base == ".." || strings.IndexByte(name, 0) >= 0 {
		return "", malformed("'%s' is no name", header.Name)
	}
	for u.above[len(u.above)-1].prefix != prefix {
		if len(u.above) == 1 {
			return "", malformed("'%s' does not follow its directory", header.Name)
		}
		if err := u.leave(); err != nil {
			return "", err
		}
	}
	return join(u.above[len(u.above)-1].path, base), nil
}

func (u *unpacker) directory(header *tar.Header, path string) error {
	if len(u.above) == maxDepth {
		return tooDeep(path)
	}
	mode := uint32(header.Mode & permissions)
	entered := directory{path: path, mode: mode, time: header.ModTime}
	if len(u.above) > 0 {
		entered.prefix = strings.TrimSuffix(header.Name, "/") + "/"
		err := unix.Mkdir(path, mode|0o700)
		if err != nil && !(err == unix.EEXIST && files.IsDirectory(path)) {
			return fault.Path(err, "mkdir", path)
		}
		entered.made = err == nil
	} else if !files.IsDirectory(path) {
		if err := files.Mkdir(path, true, 0o777); err != nil {
			return err
		}
		entered.made = true
	}
	u.above = append(u.above, entered)
	return nil
}

// leave finishes the deepest of the directories above.
func (u *unpacker) leave() error {
	last := u.above[len(u.above)-1]
	u.above = u.above[:len(u.above)-1]
	if !last.made {
		return nil
	}
	if err := unix.Chmod(last.path, last.mode); err != nil {
		return fault.Path(err, "chmod", last.path)
	}
	setTime(last.path, last.time)
	return nil
}

func (u *unpacker) file(header *tar.Header, path string, content io.Reader) error {
	var fd int
	err := retry(func() (err error) {
		fd, err = unix.Open(path, unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOCTTY, uint32(header.Mode&permissions))
		return err
	})
	if err != nil {
		return fault.Path(err, "writefile", path)
	}
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil || stat.Mode&unix.S_IFMT != unix.S_IFREG {
		unix.Close(fd)
		return fault.WithCode("AlreadyExists", "EEXIST", "There is something that is no regular file: writefile '%s'", path)
	}
	err = u.fill(fd, stat.Mode, header, path, content)
	if closed := unix.Close(fd); err == nil {
		err = fault.Path(closed, "writefile", path)
	}
	if err != nil {
		// Remove it: a partial file under the name of a whole one is worse than none.
		_ = unix.Unlink(path)
		return err
	}
	setTime(path, header.ModTime)
	return nil
}

// fill writes the content of a new or emptied file of the given mode. It leaves holes in place of zeros.
func (u *unpacker) fill(fd int, before uint32, header *tar.Header, path string, content io.Reader) error {
	if mode := uint32(header.Mode & permissions); before&permissions != mode {
		if err := unix.Fchmod(fd, mode); err != nil {
			return fault.Path(err, "writefile", path)
		}
	}
	buffer := files.Buffer()
	defer files.Release(buffer)
	hole := false
	for at := int64(0); at < header.Size; {
		// A hole described by the archive itself may be of any size: filling it reads nothing from the sender.
		if err := u.ctx.Err(); err != nil {
			return err
		}
		piece := (*buffer)[:min(header.Size-at, int64(len(*buffer)))]
		if _, err := io.ReadFull(content, piece); err != nil {
			return readFailed(err)
		}
		at += int64(len(piece))
		u.written.Bytes += int64(len(piece))
		if hole = bytes.Equal(piece, zeros[:len(piece)]); hole {
			continue
		}
		if err := pwrite(fd, piece, at-int64(len(piece))); err != nil {
			return fault.Path(err, "writefile", path)
		}
	}
	if hole {
		return fault.Path(retry(func() error { return unix.Ftruncate(fd, header.Size) }), "writefile", path)
	}
	return nil
}

// zeros is compared with content to find holes.
var zeros [files.BufferBytes]byte

func pwrite(fd int, from []byte, at int64) error {
	for len(from) > 0 {
		n, err := unix.Pwrite(fd, from, at)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		from, at = from[n:], at+int64(n)
	}
	return nil
}

func link(header *tar.Header, path string) error {
	err := unix.Symlink(header.Linkname, path)
	var stat unix.Stat_t
	if err == unix.EEXIST && unix.Lstat(path, &stat) == nil && stat.Mode&unix.S_IFMT != unix.S_IFDIR {
		if err = unix.Unlink(path); err == nil {
			err = unix.Symlink(header.Linkname, path)
		}
	}
	if err != nil {
		return fault.Path(err, "symlink", path)
	}
	setTime(path, header.ModTime)
	return nil
}

// setTime sets the modification time where that is allowed: a file of another user keeps the current time.
func setTime(path string, modified time.Time) {
	stamp := unix.Timespec{Sec: modified.Unix(), Nsec: int64(modified.Nanosecond())}
	_ = unix.UtimesNanoAt(unix.AT_FDCWD, path, []unix.Timespec{{Nsec: unix.UTIME_OMIT}, stamp}, unix.AT_SYMLINK_NOFOLLOW)
}

func malformed(format string, args ...any) error {
	return fault.TypeError("Invalid archive: "+format, args...)
}

// readFailed distinguishes a malformed archive from a sender that disconnected.
func readFailed(err error) error {
	if errors.Is(err, tar.ErrHeader) || errors.Is(err, io.ErrUnexpectedEOF) || err == io.EOF {
		return malformed("%s", err)
	}
	return err
}
