package identity

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// certificate gives one of the test's, made with openssl(1).
func certificate(t *testing.T, name string) *authority {
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

// newRoot makes a root with a bundle of other authorities.
func newRoot(t *testing.T) (root string, read func(path string) string) {
	t.Helper()
	root = t.TempDir()
	read = func(path string) string {
		content, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			t.Fatal(err)
		}
		return string(content)
	}
	for _, path := range []string{bundleFile, environmentFile, sudoersDir + "/app"} {
		if err := os.MkdirAll(filepath.Join(root, filepath.Dir(path)), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, bundleFile), []byte("others\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, environmentFile), []byte("LANG=C\nPIP_CERT=/mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	return root, read
}

func TestSubjectHashIsOpenSSLs(t *testing.T) {
	for name, want := range map[string]string{"authority.pem": "2e7a4ff2", "another.pem": "99b3033c"} {
		got, err := subjectHash(certificate(t, name).subject)
		if err != nil || got != want {
			t.Errorf("%s: %s %v", name, got, err)
		}
	}
}

func TestAnAuthorityIsFoundWhereProgramsLook(t *testing.T) {
	root, read := newRoot(t)
	a := certificate(t, "authority.pem")
	for range 2 { // a second time changes nothing
		if err := a.install(root); err != nil {
			t.Fatal(err)
		}
		if got := read(bundleFile); got != "others\n"+string(a.pem) {
			t.Fatalf("%q", got)
		}
		if got := read(authorityFile); got != string(a.pem) {
			t.Fatalf("%q", got)
		}
		for link, want := range map[string]string{linkName: authorityFile, "2e7a4ff2.0": linkName} {
			if target, err := os.Readlink(filepath.Join(root, certsDir, link)); err != nil || target != want {
				t.Fatalf("%s: %s %v", link, target, err)
			}
		}
		environment := read(environmentFile)
		if strings.Count(environment, "PIP_CERT=") != 1 || strings.Count(environment, "\nSSL_CERT_FILE="+bundleFile+"\n") != 1 {
			t.Fatal(environment)
		}
		if info, err := os.Stat(filepath.Join(root, sudoersDir, "sandkeep")); err != nil || info.Mode().Perm() != 0o440 {
			t.Fatal(info, err)
		}
	}
}

func TestTheLastAuthorityCounts(t *testing.T) {
	root, read := newRoot(t)
	first, second := certificate(t, "authority.pem"), certificate(t, "another.pem")
	for _, a := range []*authority{first, second} {
		if err := a.install(root); err != nil {
			t.Fatal(err)
		}
	}
	if got := read(bundleFile); got != "others\n"+string(second.pem) {
		t.Fatalf("%q", got)
	}
	if _, err := os.Lstat(filepath.Join(root, certsDir, "2e7a4ff2.0")); !os.IsNotExist(err) {
		t.Fatal(err)
	}
	if target, err := os.Readlink(filepath.Join(root, certsDir, "99b3033c.0")); err != nil || target != linkName {
		t.Fatal(target, err)
	}
}

func TestNamesThatAreTakenAreLeftToTheirOwners(t *testing.T) {
	root, _ := newRoot(t)
	if err := os.Symlink("another-of-that-hash.pem", filepath.Join(root, certsDir, "2e7a4ff2.0")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, certsDir, linkName), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := certificate(t, "authority.pem").install(root); err != nil {
		t.Fatal(err)
	}
	if target, err := os.Readlink(filepath.Join(root, certsDir, "2e7a4ff2.1")); err != nil || target != linkName {
		t.Fatal(target, err)
	}
}

func TestARootWithoutAnyAuthoritiesGetsOne(t *testing.T) {
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	a := certificate(t, "authority.pem")
	if err := a.install(root); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(root, bundleFile)); err != nil || string(got) != string(a.pem) {
		t.Fatalf("%q %v", got, err)
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
