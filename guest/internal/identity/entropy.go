package identity

import (
	"encoding/binary"
	"unsafe"

	"golang.org/x/sys/unix"
)

// From linux/random.h.
const (
	rndAddEntropy = 0x40085203
	rndReseedCrng = 0x5207
)

// addEntropy credits random bytes to the kernel's generator and reseeds it immediately: until then all clones of a
// template generate the same numbers.
func addEntropy(random []byte) error {
	fd, err := unix.Open("/dev/urandom", unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	// struct rand_pool_info: entropy in bits, size in bytes, the bytes.
	const header = 8
	pool := make([]byte, header+len(random))
	binary.NativeEndian.PutUint32(pool, uint32(len(random)*8))
	binary.NativeEndian.PutUint32(pool[4:], uint32(len(random)))
	copy(pool[header:], random)
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), rndAddEntropy, uintptr(unsafe.Pointer(&pool[0]))); errno != 0 {
		return errno
	}
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), rndReseedCrng, 0); errno != 0 {
		return errno
	}
	return nil
}
