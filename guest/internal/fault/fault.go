// Package fault translates errors into Deno's vocabulary: the class, message and code that the platform's clients
// expect.
package fault

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// Fault is an error in the form of the contract's GuestErrorObject.
type Fault struct {
	// Class is Deno's error class, such as "NotFound", or a JavaScript one such as "TypeError".
	Class   string `json:"constructorName"`
	Message string `json:"message"`
	// Code is the errno's name, such as "ENOENT", or empty.
	Code string `json:"code,omitempty"`
	Name string `json:"name,omitempty"`
}

func (f *Fault) Error() string { return f.Message }

// New makes a fault without a code.
func New(class, format string, args ...any) *Fault {
	return &Fault{Class: class, Message: fmt.Sprintf(format, args...)}
}

// WithCode makes a fault with the given code.
func WithCode(class, code, format string, args ...any) *Fault {
	return &Fault{Class: class, Code: code, Message: fmt.Sprintf(format, args...)}
}

// TypeError makes a fault for an unusable value.
func TypeError(format string, args ...any) *Fault { return New("TypeError", format, args...) }

// BadResource is the fault for a handle that is not open.
func BadResource() *Fault { return WithCode("BadResource", "EBADF", "Bad resource ID") }

// Path describes a failed operation on a path, as Deno does: `No such file or directory (os error 2): open 'x'`. It
// returns nil for nil.
func Path(err error, operation, path string) error {
	return during(err, func() string { return operation + " '" + path + "'" })
}

// Paths describes a failed operation on two paths.
func Paths(err error, operation, from, to string) error {
	return during(err, func() string { return operation + " '" + from + "' -> '" + to + "'" })
}

func during(err error, where func() string) error {
	if err == nil {
		return nil
	}
	f := From(err)
	// A fault is already complete.
	var made *Fault
	if errors.As(err, &made) {
		return made
	}
	f.Message += ": " + where()
	return f
}

// From converts any error to a fault.
func From(err error) *Fault {
	var f *Fault
	if errors.As(err, &f) {
		return f
	}
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return &Fault{Class: class(errno), Message: Text(errno), Code: unix.ErrnoName(errno)}
	}
	if errors.Is(err, context.Canceled) {
		return New("Interrupted", "The operation was cancelled")
	}
	return New("Error", "%s", err.Error())
}

// Text is the message of an error number: `No such file or directory (os error 2)`.
func Text(errno syscall.Errno) string {
	words := "Unknown error"
	if int(errno) < len(strerror) && strerror[errno] != "" {
		words = strerror[errno]
	}
	return fmt.Sprintf("%s (os error %d)", words, int(errno))
}

// class returns Deno's class for an error number. Unlisted numbers become a plain Error with a code.
func class(errno syscall.Errno) string {
	if name, ok := classes[errno]; ok {
		return name
	}
	return "Error"
}

var classes = map[syscall.Errno]string{
	unix.ENOENT:        "NotFound",
	unix.EACCES:        "PermissionDenied",
	unix.EPERM:         "PermissionDenied",
	unix.EEXIST:        "AlreadyExists",
	unix.ENOTDIR:       "NotADirectory",
	unix.EISDIR:        "IsADirectory",
	unix.ELOOP:         "FilesystemLoop",
	unix.EINVAL:        "TypeError",
	unix.EBADF:         "BadResource",
	unix.EAGAIN:        "WouldBlock",
	unix.EBUSY:         "Busy",
	unix.EINTR:         "Interrupted",
	unix.EPIPE:         "BrokenPipe",
	unix.ETIMEDOUT:     "TimedOut",
	unix.ENOSYS:        "NotSupported",
	unix.EOPNOTSUPP:    "NotSupported",
	unix.EADDRINUSE:    "AddrInUse",
	unix.EADDRNOTAVAIL: "AddrNotAvailable",
	unix.ECONNREFUSED:  "ConnectionRefused",
	unix.ECONNRESET:    "ConnectionReset",
	unix.ECONNABORTED:  "ConnectionAborted",
	unix.ENOTCONN:      "NotConnected",
	unix.ENETUNREACH:   "NetworkUnreachable",
}
