package egress

import (
	"encoding/binary"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
)

// link is the stack's network card. Only TCP passes through it: other protocols need no stack.
type link struct {
	device     Device
	dispatcher stack.NetworkDispatcher
}

// zeroCopyBytes is the size from which a packet is handed over together with its read buffer, which has room for the
// largest packet, instead of being copied into a buffer of its own size.
const zeroCopyBytes = 32 * 1024

// deliver hands a packet to the stack. It returns whether the stack took the buffer.
func (l *link) deliver(p *packet, read *buffer.View) (tookBuffer bool) {
	protocol := header.IPv4ProtocolNumber
	if p.version == 6 {
		protocol = header.IPv6ProtocolNumber
	}
	view := read
	if tookBuffer = len(p.raw) >= zeroCopyBytes; tookBuffer {
		view.CapLength(len(p.raw))
	} else {
		view = buffer.NewViewWithData(p.raw)
	}
	pkt := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: buffer.MakeWithView(view)})
	// Packets the kernel sends through its own interface need no checksum validation.
	pkt.RXChecksumValidated = true
	l.dispatcher.DeliverNetworkPacket(protocol, pkt)
	pkt.DecRef()
	return tookBuffer
}

const (
	tcpChecksumOffset = 16
	udpChecksumOffset = 6
)

func (l *link) WritePackets(list stack.PacketBufferList) (int, tcpip.Error) {
	written := 0
	for _, pkt := range list.AsSlice() {
		network, transport := pkt.NetworkHeader().Slice(), pkt.TransportHeader().Slice()
		var sum PartialSum
		if pkt.TransportProtocolNumber == header.TCPProtocolNumber && len(transport) >= tcpHeaderBytes {
			binary.BigEndian.PutUint16(transport[tcpChecksumOffset:], pseudoSum(network, pkt.Size()))
			sum = PartialSum{Start: uint16(len(network)), Offset: tcpChecksumOffset}
		}
		if l.device.Write(pkt.AsSlices(), sum) == nil { // TCP retransmits a lost packet
			written++
		}
	}
	return written, nil
}

func (l *link) MTU() uint32                               { return MTU }
func (l *link) SetMTU(uint32)                             {}
func (l *link) MaxHeaderLength() uint16                   { return 0 }
func (l *link) LinkAddress() tcpip.LinkAddress            { return "" }
func (l *link) SetLinkAddress(tcpip.LinkAddress)          {}
func (l *link) Attach(dispatcher stack.NetworkDispatcher) { l.dispatcher = dispatcher }
func (l *link) IsAttached() bool                          { return l.dispatcher != nil }
func (l *link) Wait()                                     {}
func (l *link) ARPHardwareType() header.ARPHardwareType   { return header.ARPHardwareNone }
func (l *link) AddHeader(*stack.PacketBuffer)             {}
func (l *link) ParseHeader(*stack.PacketBuffer) bool      { return true }
func (l *link) Close()                                    {}
func (l *link) SetOnCloseAction(func())                   {}
func (l *link) Capabilities() stack.LinkEndpointCapabilities {
	return stack.CapabilityRXChecksumOffload | stack.CapabilityTXChecksumOffload
}
