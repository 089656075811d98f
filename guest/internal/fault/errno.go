package fault

import "os"

// ErrnoOf returns the error number inside an error of package os.
func ErrnoOf(err error) error {
	switch e := err.(type) {
	case *os.PathError:
		return e.Err
	case *os.SyscallError:
		return e.Err
	case *os.LinkError:
		return e.Err
	}
	return err
}
