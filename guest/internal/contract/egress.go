package contract

// What guest and proxy say to each other on the egress port: packages/egress/src/port/contract.ts.
const (
	// UDPPath is that of a flow of datagrams.
	UDPPath = "/udp"
	// ErrnoHeader is the name of an errno, on refusals.
	ErrnoHeader = "sandkeep-errno"
	// ProcessHeader says which process asks for a flow.
	ProcessHeader = "sandkeep-process"
	// MaxDatagramBytes bounds the payload of a datagram.
	MaxDatagramBytes = 65_507

	// GuestAddressV4 and GuestAddressV6 are the guest's own on tun0.
	GuestAddressV4 = "100.100.100.2/24"
	GuestAddressV6 = "fd64:6464:6464::2/64"
)
