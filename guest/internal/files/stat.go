package files

import (
	"math"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"sandkeep.dev/guest/internal/fault"
)

// Info is the contract's FileInfo, ready to be written as JSON.
type Info struct{ statx unix.Statx_t }

const statxMask = unix.STATX_BASIC_STATS | unix.STATX_BTIME

// Stat describes what the path leads to.
func Stat(path string) (*Info, error) { return statPath(path, 0, "stat") }

// Lstat describes the path itself, even if it is a symbolic link.
func Lstat(path string) (*Info, error) { return statPath(path, unix.AT_SYMLINK_NOFOLLOW, "lstat") }

// StatFd describes an open file.
func StatFd(fd int) (*Info, error) {
	info := new(Info)
	err := retry(func() error { return unix.Statx(fd, "", unix.AT_EMPTY_PATH, statxMask, &info.statx) })
	if err != nil {
		return nil, fault.From(err)
	}
	return info, nil
}

func statPath(path string, flags int, operation string) (*Info, error) {
	if err := CheckPath(path); err != nil {
		return nil, err
	}
	info := new(Info)
	err := retry(func() error { return unix.Statx(unix.AT_FDCWD, path, flags, statxMask, &info.statx) })
	if err != nil {
		return nil, fault.Path(err, operation, path)
	}
	return info, nil
}

func (i *Info) is(kind uint16) bool { return i.statx.Mode&unix.S_IFMT == kind }

// IsFile and the methods below report the kind of file.
func (i *Info) IsFile() bool      { return i.is(unix.S_IFREG) }
func (i *Info) IsDirectory() bool { return i.is(unix.S_IFDIR) }
func (i *Info) IsSymlink() bool   { return i.is(unix.S_IFLNK) }

// Size returns the size in bytes.
func (i *Info) Size() int64 { return int64(min(i.statx.Size, math.MaxInt64)) }

// Identity distinguishes the machine's files.
func (i *Info) Identity() [3]uint64 {
	return [3]uint64{uint64(i.statx.Dev_major), uint64(i.statx.Dev_minor), i.statx.Ino}
}

// AppendJSON writes the contract's FileInfo. It avoids reflection because stat is the most frequent call.
func (i *Info) AppendJSON(to []byte) []byte {
	s := &i.statx
	birth := s.Btime
	if s.Mask&unix.STATX_BTIME == 0 {
		birth = s.Ctime // the file system has no birth time, and clients cannot take null
	}
	to = appendBool(to, `{"isFile":`, i.is(unix.S_IFREG))
	to = appendBool(to, `,"isDirectory":`, i.is(unix.S_IFDIR))
	to = appendBool(to, `,"isSymlink":`, i.is(unix.S_IFLNK))
	to = appendBool(to, `,"isBlockDevice":`, i.is(unix.S_IFBLK))
	to = appendBool(to, `,"isCharDevice":`, i.is(unix.S_IFCHR))
	to = appendBool(to, `,"isFifo":`, i.is(unix.S_IFIFO))
	to = appendBool(to, `,"isSocket":`, i.is(unix.S_IFSOCK))
	to = appendUint(to, `,"size":`, s.Size)
	to = appendUint(to, `,"mode":`, uint64(s.Mode))
	to = appendUint(to, `,"dev":`, unix.Mkdev(s.Dev_major, s.Dev_minor))
	to = appendUint(to, `,"ino":`, s.Ino)
	to = appendUint(to, `,"nlink":`, uint64(s.Nlink))
	to = appendUint(to, `,"uid":`, uint64(s.Uid))
	to = appendUint(to, `,"gid":`, uint64(s.Gid))
	to = appendUint(to, `,"rdev":`, unix.Mkdev(s.Rdev_major, s.Rdev_minor))
	to = appendUint(to, `,"blksize":`, uint64(s.Blksize))
	to = appendUint(to, `,"blocks":`, s.Blocks)
	to = appendTime(to, `,"mtime":"`, s.Mtime)
	to = appendTime(to, `,"atime":"`, s.Atime)
	to = appendTime(to, `,"birthtime":"`, birth)
	to = appendTime(to, `,"ctime":"`, s.Ctime)
	return append(to, '}')
}

func appendBool(to []byte, name string, value bool) []byte {
	return strconv.AppendBool(append(to, name...), value)
}

func appendUint(to []byte, name string, value uint64) []byte {
	return strconv.AppendUint(append(to, name...), value, 10)
}

// The range of seconds since 1970 in a JavaScript date, and the range that a four-digit year can hold.
const (
	maxDateSeconds     = 8_640_000_000_000
	firstFourDigitYear = -62_167_219_200
	lastFourDigitYear  = 253_402_300_799
)

// appendTime formats a time as JavaScript's toISOString does.
func appendTime(to []byte, name string, stamp unix.StatxTimestamp) []byte {
	to = append(to, name...)
	seconds := max(min(stamp.Sec, maxDateSeconds-1), -maxDateSeconds)
	t := time.Unix(seconds, int64(stamp.Nsec)).UTC()
	if seconds >= firstFourDigitYear && seconds <= lastFourDigitYear {
		return append(t.AppendFormat(to, "2006-01-02T15:04:05.000Z"), '"')
	}
	// Other years have a sign and six digits.
	year, sign := t.Year(), byte('+')
	if year < 0 {
		year, sign = -year, '-'
	}
	digits := strconv.Itoa(1_000_000 + year)[1:]
	to = append(append(to, sign), digits...)
	return append(t.AppendFormat(to, "-01-02T15:04:05.000Z"), '"')
}

func itoa(n int) string { return strconv.Itoa(n) }
