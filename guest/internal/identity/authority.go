package identity

import (
	"bytes"
	"encoding/pem"

	"sandkeep.dev/guest/internal/fault"
)

const (
	// maxAuthorityBytes limits the size of one PEM certificate.
	maxAuthorityBytes = 16 * 1024
	// maxAuthorities limits their number; the host sends at most 33.
	maxAuthorities = 64
)

// authority is a certificate authority that the guest should trust.
type authority struct {
	pem     []byte
	subject element
}

// authorities are trusted in addition to the image's: the installation's own first, then those of its network.
type authorities []authority

// parseAuthorities checks certificates.
func parseAuthorities(texts []string) (parsed authorities, err error) {
	if len(texts) > maxAuthorities {
		return nil, fault.TypeError("Too many CA certificates: %d, at most %d expected", len(texts), maxAuthorities)
	}
	for _, text := range texts {
		one, err := parseAuthority(text)
		if err != nil {
			return nil, err
		}
		parsed = append(parsed, one)
	}
	return parsed, nil
}

func parseAuthority(text string) (authority, error) {
	block, rest := pem.Decode([]byte(text))
	if block == nil || block.Type != "CERTIFICATE" || len(bytes.TrimSpace(rest)) > 0 || len(text) > maxAuthorityBytes {
		return authority{}, fault.TypeError("Invalid CA certificate: one certificate in PEM expected")
	}
	subject, err := subjectOf(block.Bytes)
	if err != nil {
		return authority{}, fault.TypeError("Invalid CA certificate: %s", err)
	}
	return authority{pem: pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes}), subject: subject}, nil
}

// joined concatenates all certificates as the text of one file.
func (a authorities) joined() (text []byte) {
	for _, one := range a {
		text = append(text, one.pem...)
	}
	return text
}
