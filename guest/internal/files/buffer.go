package files

import (
	"io"
	"sync"

	"golang.org/x/sys/unix"
)

// BufferBytes is the size of the buffers that copy file content: large enough to make system call overhead negligible,
// small enough that a few in use do not affect a clone's memory.
const BufferBytes = 128 * 1024

var bufferPool = sync.Pool{New: func() any {
	buffer := make([]byte, BufferBytes)
	return &buffer
}}

// Buffer borrows a buffer of BufferBytes from the pool.
func Buffer() *[]byte { return bufferPool.Get().(*[]byte) }

// Release returns it to the pool.
func Release(buffer *[]byte) { bufferPool.Put(buffer) }

// ReadFd reads some bytes; io.EOF at the end.
func ReadFd(fd int, to []byte) (n int, err error) {
	err = retry(func() error {
		n, err = unix.Read(fd, to)
		return err
	})
	if err == nil && n == 0 {
		return 0, io.EOF
	}
	return max(n, 0), err
}

// WriteFd writes all bytes.
func WriteFd(fd int, from []byte) error {
	for len(from) > 0 {
		n, err := unix.Write(fd, from)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		from = from[n:]
	}
	return nil
}
