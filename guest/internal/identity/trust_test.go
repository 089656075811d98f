package identity

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	firstHash  = "2e7a4ff2.0"
	secondHash = "99b3033c.0"
)

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
	for _, path := range []string{bundleFile, environmentFile} {
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

// both returns two authorities: the installation's own and one of its network.
func both(t *testing.T) (own, network authority) {
	return certificate(t, "authority.pem"), certificate(t, "another.pem")
}

func TestAuthoritiesAreFoundWhereProgramsLook(t *testing.T) {
	root, read := newRoot(t)
	own, network := both(t)
	for range 2 { // the second time changes nothing
		if err := (authorities{own, network}).install(root); err != nil {
			t.Fatal(err)
		}
		all := string(own.pem) + string(network.pem)
		for path, want := range map[string]string{
			bundleFile: "others\n" + all, authoritiesFile: all,
			// One per file: update-ca-certificates skips files with more.
			ownDir + "/sandkeep.crt": string(own.pem), ownDir + "/sandkeep-1.crt": string(network.pem),
		} {
			if got := read(path); got != want {
				t.Fatalf("%s: %q", path, got)
			}
		}
		for link, want := range map[string]string{
			"sandkeep.pem": ownDir + "/sandkeep.crt", firstHash: "sandkeep.pem",
			"sandkeep-1.pem": ownDir + "/sandkeep-1.crt", secondHash: "sandkeep-1.pem",
		} {
			if target, err := os.Readlink(filepath.Join(root, certsDir, link)); err != nil || target != want {
				t.Fatalf("%s: %s %v", link, target, err)
			}
		}
		environment := read(environmentFile)
		if strings.Count(environment, "PIP_CERT=") != 1 || strings.Count(environment, "\nSSL_CERT_FILE="+bundleFile+"\n") != 1 {
			t.Fatal(environment)
		}
	}
}

func TestTheLastAuthoritiesCount(t *testing.T) {
	root, read := newRoot(t)
	own, network := both(t)
	for _, a := range []authorities{{own, network}, {network}} {
		if err := a.install(root); err != nil {
			t.Fatal(err)
		}
	}
	if got := read(bundleFile); got != "others\n"+string(network.pem) {
		t.Fatalf("%q", got)
	}
	for _, gone := range []string{certsDir + "/" + firstHash, certsDir + "/sandkeep-1.pem", ownDir + "/sandkeep-1.crt"} {
		if _, err := os.Lstat(filepath.Join(root, gone)); !os.IsNotExist(err) {
			t.Fatal(gone, err)
		}
	}
	if target, err := os.Readlink(filepath.Join(root, certsDir, secondHash)); err != nil || target != "sandkeep.pem" {
		t.Fatal(target, err)
	}
}

func TestAuthoritiesThatUpdateCaCertificatesSortedElsewhereAreReplaced(t *testing.T) {
	root, read := newRoot(t)
	own, network := both(t)
	if err := (authorities{own, network}).install(root); err != nil {
		t.Fatal(err)
	}
	sorted := string(network.pem) + "others\n" + string(own.pem) + "more\n"
	if err := os.WriteFile(filepath.Join(root, bundleFile), []byte(sorted), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := (authorities{own}).install(root); err != nil {
		t.Fatal(err)
	}
	if got := read(bundleFile); got != "others\nmore\n"+string(own.pem) {
		t.Fatalf("%q", got)
	}
}

func TestNamesThatAreTakenAreLeftToTheirOwners(t *testing.T) {
	root, _ := newRoot(t)
	if err := os.Symlink("another-of-that-hash.pem", filepath.Join(root, certsDir, firstHash)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, certsDir, "sandkeep.pem"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	own, _ := both(t)
	if err := (authorities{own}).install(root); err != nil {
		t.Fatal(err)
	}
	if target, err := os.Readlink(filepath.Join(root, certsDir, "2e7a4ff2.1")); err != nil || target != "sandkeep.pem" {
		t.Fatal(target, err)
	}
}

func TestARootWithoutAnyAuthoritiesGetsOne(t *testing.T) {
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	own, _ := both(t)
	if err := (authorities{own}).install(root); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(root, bundleFile)); err != nil || string(got) != string(own.pem) {
		t.Fatalf("%q %v", got, err)
	}
}
