// Package tun makes the guest's network interface: a device whose packets go to the agent instead of a network.
package tun

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"sandkeep.dev/guest/internal/egress"
)

// Device is a tun interface. It implements [egress.Device].
type Device struct {
	file *os.File
	raw  syscall.RawConn
}

// header precedes every packet: struct virtio_net_hdr of linux/virtio_net.h. It lets both sides skip checksums, which
// are a third of the cost per byte in an emulated guest.
const (
	headerBytes    = 10
	needsChecksum  = 1 // VIRTIO_NET_HDR_F_NEEDS_CSUM
	checksumStart  = 6
	checksumOffset = 8
)

// Open creates the interface and gives it the guest's addresses and the default routes. It must run as root.
func Open(name string, addresses []netip.Prefix) (*Device, error) {
	fd, err := create(name)
	if err != nil {
		return nil, err
	}
	if err := configure(name, addresses); err != nil {
		unix.Close(fd)
		return nil, err
	}
	file := os.NewFile(uintptr(fd), name)
	raw, err := file.SyscallConn()
	if err != nil {
		file.Close()
		return nil, err
	}
	return &Device{file: file, raw: raw}, nil
}

func create(name string) (fd int, err error) {
	fd, err = unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("open /dev/net/tun", err)
	}
	request, err := unix.NewIfreq(name)
	if err == nil {
		request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI | unix.IFF_VNET_HDR)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
	}
	if err == nil {
		err = unix.IoctlSetInt(fd, unix.TUNSETOFFLOAD, unix.TUN_F_CSUM)
	}
	if err != nil {
		unix.Close(fd)
		return -1, os.NewSyscallError("tun", err)
	}
	return fd, nil
}

// Read waits for a packet from the kernel.
func (d *Device) Read(into []byte) (n int, err error) {
	var head [headerBytes]byte
	waitErr := d.raw.Read(func(fd uintptr) bool {
		for {
			n, err = unix.Readv(int(fd), [][]byte{head[:], into})
			if err != unix.EINTR {
				return err != unix.EAGAIN
			}
		}
	})
	if waitErr != nil {
		return 0, waitErr
	}
	return max(0, n-headerBytes), err
}

// Write passes a packet to the kernel.
func (d *Device) Write(parts [][]byte, sum egress.PartialSum) error {
	var head [headerBytes]byte
	if sum.Offset != 0 {
		head[0] = needsChecksum
		binary.NativeEndian.PutUint16(head[checksumStart:], sum.Start)
		binary.NativeEndian.PutUint16(head[checksumOffset:], sum.Offset)
	}
	all := append(make([][]byte, 0, 8), head[:])
	all = append(all, parts...)
	var failed error
	err := d.raw.Control(func(fd uintptr) {
		for {
			if _, failed = unix.Writev(int(fd), all); failed != unix.EINTR {
				return
			}
		}
	})
	return errors.Join(err, failed)
}

// Close removes the interface.
func (d *Device) Close() error { return d.file.Close() }
