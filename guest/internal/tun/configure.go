package tun

import (
	"fmt"
	"net/netip"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"

	"sandkeep.dev/guest/internal/egress"
)

// queuePackets is the most packets that wait for the agent. It allows for that many connections to begin at once
// without retransmission.
const queuePackets = 2048

// quiet disables IPv6 autoconfiguration on the interface: it has only the given addresses and no neighbours.
var quiet = []struct{ name, value string }{
	{"addr_gen_mode", "1"},
	{"accept_ra", "0"},
	{"router_solicitations", "0"},
	{"accept_dad", "0"},
}

// configure sets the interface's MTU, addresses and routes, through the ioctls of netdevice(7).
func configure(name string, addresses []netip.Prefix) error {
	for _, setting := range quiet {
		_ = os.WriteFile("/proc/sys/net/ipv6/conf/"+name+"/"+setting.name, []byte(setting.value), 0)
	}
	socket4, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(socket4)
	socket6, err := unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		socket6 = -1 // a kernel without IPv6
	} else {
		defer unix.Close(socket6)
	}
	i := iface{name: name, socket4: socket4, socket6: socket6}
	for _, step := range []struct {
		what string
		run  func() error
	}{
		{"queue", func() error { return i.setInt(unix.SIOCSIFTXQLEN, queuePackets) }},
		{"MTU", func() error { return i.setInt(unix.SIOCSIFMTU, egress.MTU) }},
		{"up", i.up},
		{"addresses", func() error { return i.addAddresses(addresses) }},
	} {
		if err := step.run(); err != nil {
			return fmt.Errorf("%s: %s: %w", name, step.what, err)
		}
	}
	return nil
}

// iface is an interface, with sockets to configure it.
type iface struct {
	name             string
	socket4, socket6 int
}

func (i iface) setInt(request uint, value uint32) error {
	ifreq, err := unix.NewIfreq(i.name)
	if err != nil {
		return err
	}
	ifreq.SetUint32(value)
	return unix.IoctlIfreq(i.socket4, request, ifreq)
}

func (i iface) up() error {
	ifreq, err := unix.NewIfreq(i.name)
	if err != nil {
		return err
	}
	if err := unix.IoctlIfreq(i.socket4, unix.SIOCGIFFLAGS, ifreq); err != nil {
		return err
	}
	ifreq.SetUint16(ifreq.Uint16() | unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(i.socket4, unix.SIOCSIFFLAGS, ifreq)
}

// addAddresses adds each address with a default route of its IP version.
func (i iface) addAddresses(addresses []netip.Prefix) error {
	for _, address := range addresses {
		var err error
		if address.Addr().Is4() {
			err = i.add4(address)
		} else if i.socket6 >= 0 {
			err = i.add6(address)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", address, err)
		}
	}
	return nil
}

func (i iface) add4(address netip.Prefix) error {
	ifreq, err := unix.NewIfreq(i.name)
	if err != nil {
		return err
	}
	if err := ifreq.SetInet4Addr(address.Addr().AsSlice()); err != nil {
		return err
	}
	if err := unix.IoctlIfreq(i.socket4, unix.SIOCSIFADDR, ifreq); err != nil {
		return err
	}
	mask := ^uint32(0) << (32 - address.Bits())
	if err := ifreq.SetInet4Addr([]byte{byte(mask >> 24), byte(mask >> 16), byte(mask >> 8), byte(mask)}); err != nil {
		return err
	}
	if err := unix.IoctlIfreq(i.socket4, unix.SIOCSIFNETMASK, ifreq); err != nil {
		return err
	}
	// struct rtentry of linux/route.h: to 0.0.0.0/0, through the device.
	device, err := unix.BytePtrFromString(i.name)
	if err != nil {
		return err
	}
	route := struct {
		_                        uint64
		target, gateway, genmask unix.RawSockaddrInet4
		flags                    uint16
		_                        uint16
		_                        uint64
		_                        [4]uint16
		metric                   int16
		device                   *byte
		mtu, window              uint64
		irtt                     uint16
	}{flags: unix.RTF_UP, device: device}
	route.target.Family, route.genmask.Family = unix.AF_INET, unix.AF_INET
	return ioctl(i.socket4, unix.SIOCADDRT, unsafe.Pointer(&route))
}

// defaultMetric6 is the kernel's default metric for routes (IP6_RT_PRIO_USER).
const defaultMetric6 = 1024

func (i iface) add6(address netip.Prefix) error {
	ifreq, err := unix.NewIfreq(i.name)
	if err != nil {
		return err
	}
	if err := unix.IoctlIfreq(i.socket4, unix.SIOCGIFINDEX, ifreq); err != nil {
		return err
	}
	index := int32(ifreq.Uint32())
	// struct in6_ifreq of linux/ipv6.h.
	added := struct {
		address [16]byte
		bits    uint32
		index   int32
	}{address.Addr().As16(), uint32(address.Bits()), index}
	if err := ioctl(i.socket6, unix.SIOCSIFADDR, unsafe.Pointer(&added)); err != nil {
		return err
	}
	// struct in6_rtmsg of linux/ipv6_route.h: to ::/0, through the device.
	route := struct {
		target, source, gateway [16]byte
		kind                    uint32
		targetBits, sourceBits  uint16
		metric                  uint32
		info                    uint64
		flags                   uint32
		index                   int32
	}{metric: defaultMetric6, flags: unix.RTF_UP, index: index}
	return ioctl(i.socket6, unix.SIOCADDRT, unsafe.Pointer(&route))
}

func ioctl(fd int, request uintptr, argument unsafe.Pointer) error {
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(argument)); errno != 0 {
		return errno
	}
	return nil
}
