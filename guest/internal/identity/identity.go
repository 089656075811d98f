// Package identity gives a clone its own identity: clock, randomness, names, keys, trusted authorities. It must run as
// root.
package identity

import (
	"encoding/base64"
	"errors"
	"fmt"
	"log"
	"regexp"
	"slices"
	"strconv"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"sandkeep.dev/guest/internal/contract"
	"sandkeep.dev/guest/internal/fault"
)

// Parsed is an identity that has been checked.
type Parsed struct {
	unixTimeNs int64
	entropy    []byte
	hostname   string
	machineID  string
	// certificates are the authorities as the host sent them. They are not parsed if they are already installed.
	certificates []string
	authorities  authorities
}

// installed are the certificates that this process installed last: a clone gets them while it waits, and again with its
// own identity.
var installed atomic.Pointer[[]string]

const (
	minEntropyBytes = 32
	maxEntropyBytes = 4096
)

var (
	validHostname  = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?$`)
	validMachineID = regexp.MustCompile(`^[0-9a-f]{32}$`)
)

// Parse checks what the host sent.
func Parse(raw contract.Identity) (Parsed, error) {
	parsed, err := ParseMoment(contract.Moment{UnixTimeNs: raw.UnixTimeNs, Entropy: raw.Entropy})
	if err != nil {
		return parsed, err
	}
	if !validHostname.MatchString(raw.Hostname) {
		return parsed, fault.TypeError("Invalid hostname: %q", raw.Hostname)
	}
	if !validMachineID.MatchString(raw.MachineID) {
		return parsed, fault.TypeError("Invalid machine id: %q", raw.MachineID)
	}
	parsed.hostname, parsed.machineID = raw.Hostname, raw.MachineID
	parsed.certificates = raw.CACertificates
	if before := installed.Load(); before != nil && slices.Equal(*before, raw.CACertificates) {
		return parsed, nil
	}
	parsed.authorities, err = parseAuthorities(raw.CACertificates)
	return parsed, err
}

// ParseMoment checks what the host sent to a machine that was paused, and keeps its identity.
func ParseMoment(raw contract.Moment) (parsed Parsed, err error) {
	if parsed.unixTimeNs, err = strconv.ParseInt(raw.UnixTimeNs, 10, 64); err != nil || parsed.unixTimeNs < 0 {
		return parsed, fault.TypeError("Invalid time: %q", raw.UnixTimeNs)
	}
	parsed.entropy, err = base64.StdEncoding.DecodeString(raw.Entropy)
	if err != nil || len(parsed.entropy) < minEntropyBytes || len(parsed.entropy) > maxEntropyBytes {
		return parsed, fault.TypeError("Invalid entropy: base64 of %d to %d bytes expected", minEntropyBytes, maxEntropyBytes)
	}
	return parsed, nil
}

// Wake sets the clock and adds randomness.
func (p Parsed) Wake() error {
	return errors.Join(addEntropy(p.entropy), p.setClock())
}

// Adopt applies the identity. It adds randomness first, because everything else may need it.
func (p Parsed) Adopt() error {
	for _, step := range []struct {
		what string
		run  func() error
	}{
		{"entropy", func() error { return addEntropy(p.entropy) }},
		{"clock", p.setClock},
		{"hostname", func() error { return unix.Sethostname([]byte(p.hostname)) }},
		{"names", func() error { return writeNames("/etc", p.hostname, p.machineID) }},
		{"ssh keys", func() error { return renewHostKeys("/etc/ssh") }},
		{"CA certificates", p.trust},
	} {
		if err := step.run(); err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
	}
	return nil
}

// trust installs the authorities. Failure is not fatal: a root that its owner modified so that they cannot be installed
// still runs.
func (p Parsed) trust() error {
	if len(p.authorities) == 0 {
		return nil
	}
	if err := p.authorities.install("/"); err != nil {
		log.Printf("the CA certificates are not installed: %v", err)
		return nil
	}
	installed.Store(&p.certificates)
	return nil
}

func (p Parsed) setClock() error {
	now := unix.NsecToTimespec(p.unixTimeNs)
	return unix.ClockSettime(unix.CLOCK_REALTIME, &now)
}
