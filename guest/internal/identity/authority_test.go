package identity

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
)

// certificate returns one of the test certificates, made with openssl(1).
func certificate(t *testing.T, name string) authority {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := parseAuthority(string(text) + "\n")
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func TestSubjectHashIsOpenSSLs(t *testing.T) {
	for name, want := range map[string]string{"authority.pem": "2e7a4ff2", "another.pem": "99b3033c"} {
		got, err := subjectHash(certificate(t, name).subject)
		if err != nil || got != want {
			t.Errorf("%s: %s %v", name, got, err)
		}
	}
}

func FuzzCertificates(f *testing.F) {
	for _, name := range []string{"authority.pem", "another.pem"} {
		text, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		block, _ := pem.Decode(text)
		f.Add(block.Bytes)
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		subject, err := subjectOf(der)
		if err != nil {
			return
		}
		if hash, err := subjectHash(subject); err == nil && len(hash) != 8 {
			t.Fatal(hash)
		}
		if certificate, err := x509.ParseCertificate(der); err == nil && !bytes.Equal(certificate.RawSubject, subject.whole) {
			t.Fatalf("%x instead of %x", subject.whole, certificate.RawSubject)
		}
	})
}
