package files

import (
	"math"

	"golang.org/x/sys/unix"

	"sandkeep.dev/guest/internal/fault"
)

// Utime sets the times of what the path leads to, in milliseconds since 1970.
func Utime(path string, atimeMs, mtimeMs float64) error {
	if err := CheckPath(path); err != nil {
		return err
	}
	times, err := timesOf(atimeMs, mtimeMs)
	if err != nil {
		return err
	}
	return fault.Path(unix.UtimesNanoAt(unix.AT_FDCWD, path, times[:], 0), "utime", path)
}

// UtimeFd sets the times of an open file.
func UtimeFd(fd int, atimeMs, mtimeMs float64) error {
	times, err := timesOf(atimeMs, mtimeMs)
	if err != nil {
		return err
	}
	if err := unix.UtimesNanoAt(unix.AT_FDCWD, "/proc/self/fd/"+itoa(fd), times[:], 0); err != nil {
		return fault.From(err)
	}
	return nil
}

func timesOf(atimeMs, mtimeMs float64) (times [2]unix.Timespec, err error) {
	for i, ms := range [2]float64{atimeMs, mtimeMs} {
		if math.IsNaN(ms) || math.Abs(ms) > maxDateSeconds*1000 {
			return times, fault.TypeError("Invalid time: %v ms", ms)
		}
		seconds := math.Floor(ms / 1000)
		nanos := math.Round((ms - seconds*1000) * 1e6)
		if nanos >= 1e9 {
			seconds, nanos = seconds+1, 0
		}
		times[i] = unix.Timespec{Sec: int64(seconds), Nsec: int64(nanos)}
	}
	return times, nil
}
