package disks

import (
	"encoding/binary"
	"fmt"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"sandkeep.dev/guest/internal/fault"
)

const (
	// resizeFS is EXT4_IOC_RESIZE_FS, with which resize2fs grows a file system that is mounted.
	resizeFS = 0x40086610
	// sizeTimeout limits the wait for a disk's new size, which arrives by an interrupt.
	sizeTimeout = 10 * time.Second
	sizeRetry   = time.Millisecond

	// Of ext4's superblock, which is superblockOffset bytes into the device.
	superblockOffset = 1024
	blocksLowOffset  = 0x4
	logSizeOffset    = 0x18
	magicOffset      = 0x38
	blocksHighOffset = 0x150
	magic            = 0xef53
	maxLogSize       = 6
)

// Grow makes the file system of a slot as large as its disk, which is to have that many bytes. It must run as root. What
// is not mounted grows when it is.
func Grow(slot int, bytes uint64) error {
	device := deviceOf(slot)
	if device == "" {
		return nil
	}
	deadline := time.Now().Add(sizeTimeout)
	for {
		size, err := deviceBytes(device)
		if err != nil {
			return err
		}
		if size >= bytes {
			break
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s still has %d bytes after %s", device, size, sizeTimeout)
		}
		time.Sleep(sizeRetry)
	}
	if !isMounted(device) {
		return nil
	}
	return GrowToDevice(device)
}

// GrowToDevice makes a mounted file system as large as its device, if it is smaller.
func GrowToDevice(device string) error {
	size, err := deviceBytes(device)
	if err != nil {
		return err
	}
	blocks, blockBytes, err := fileSystemSize(device)
	if err != nil {
		return err
	}
	wanted := size / blockBytes
	if wanted <= blocks {
		return nil
	}
	directory, err := openMounted(device)
	if err != nil {
		return fault.Path(err, "grow", device)
	}
	defer directory.Close()
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, directory.Fd(), resizeFS, uintptr(unsafe.Pointer(&wanted))); errno != 0 {
		return fault.Path(errno, "grow", device)
	}
	return nil
}

func deviceBytes(device string) (uint64, error) {
	file, err := os.Open(device)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	end, err := file.Seek(0, 2)
	return uint64(end), err
}

// fileSystemSize reads the size of an ext4 file system from its superblock.
func fileSystemSize(device string) (blocks, blockBytes uint64, err error) {
	file, err := os.Open(device)
	if err != nil {
		return 0, 0, err
	}
	defer file.Close()
	superblock := make([]byte, 1024)
	if _, err := file.ReadAt(superblock, superblockOffset); err != nil {
		return 0, 0, err
	}
	return parseSuperblock(superblock)
}

func parseSuperblock(superblock []byte) (blocks, blockBytes uint64, err error) {
	logSize := binary.LittleEndian.Uint32(superblock[logSizeOffset:])
	if binary.LittleEndian.Uint16(superblock[magicOffset:]) != magic || logSize > maxLogSize {
		return 0, 0, fmt.Errorf("the disk has no ext4 file system")
	}
	low := binary.LittleEndian.Uint32(superblock[blocksLowOffset:])
	high := binary.LittleEndian.Uint32(superblock[blocksHighOffset:])
	return uint64(high)<<32 | uint64(low), 1024 << logSize, nil
}
