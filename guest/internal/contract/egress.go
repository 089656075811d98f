package contract

// The contract between guest and proxy on the egress port: packages/egress/src/port/contract.ts.
const (
	// UDPPath is the path of a datagram flow.
	UDPPath = "/udp"
	// ErrnoHeader names the errno of a refused flow.
	ErrnoHeader = "sandkeep-errno"
	// ProcessHeader names the process that asks for a flow.
	ProcessHeader = "sandkeep-process"
	// MaxDatagramBytes limits the payload of a datagram.
	MaxDatagramBytes = 65_507

	// GuestAddressV4 and GuestAddressV6 are the guest's own addresses on tun0.
	GuestAddressV4 = "100.100.100.2/24"
	GuestAddressV6 = "fd64:6464:6464::2/64"
)
