package main

import (
	"log"
	"net/netip"

	"sandkeep.dev/guest/internal/boot"
	"sandkeep.dev/guest/internal/contract"
	"sandkeep.dev/guest/internal/egress"
	"sandkeep.dev/guest/internal/guard"
	"sandkeep.dev/guest/internal/owner"
	"sandkeep.dev/guest/internal/privilege"
	"sandkeep.dev/guest/internal/transport"
	"sandkeep.dev/guest/internal/tun"
	"sandkeep.dev/guest/internal/tunnel"
)

const interfaceName = "tun0"

// guestAddresses are the guest's own addresses, as the contract sets them.
var guestAddresses = []netip.Prefix{
	netip.MustParsePrefix(contract.GuestAddressV4),
	netip.MustParsePrefix(contract.GuestAddressV6),
}

// startNetwork opens the only way out of the machine. If it fails, everything else still works.
func startNetwork() error {
	device, err := boot.WaitForPort(contract.EgressPort)
	if err != nil {
		return err
	}
	port, err := transport.OpenEgressPort(device)
	if err != nil {
		return err
	}
	tunDevice, err := tun.Open(interfaceName, guestAddresses)
	if err != nil {
		return err
	}
	gate := &tunnel.Gate{}
	config := egress.Config{Device: tunDevice, Gate: gate, Process: processes(owner.New())}
	for _, prefix := range guestAddresses {
		config.Addresses = append(config.Addresses, prefix.Addr())
	}
	network, err := egress.New(config)
	if err != nil {
		return err
	}
	guard.Go("network", func() { log.Printf("%s: %v", interfaceName, network.Run()) })
	guard.Go("egress port", func() { log.Printf("egress: %v", port.Serve(gate.Serve)) })
	return nil
}

// processes looks up the process behind a flow, as root: the user may not inspect every process.
func processes(finder *owner.Finder) func(byte, netip.AddrPort, netip.AddrPort) string {
	return func(protocol byte, source, target netip.AddrPort) (process string) {
		_ = privilege.Do(func() error {
			process = finder.Find(protocol, source, target)
			return nil
		})
		return process
	}
}
