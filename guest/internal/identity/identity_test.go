package identity

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sandkeep.dev/guest/internal/contract"
)

func valid() contract.Identity {
	return contract.Identity{
		UnixTimeNs: "1790000000123456789",
		Entropy:    base64.StdEncoding.EncodeToString(make([]byte, 32)),
		Hostname:   "sbx-1at5nn58e77",
		MachineID:  strings.Repeat("0f", 16),
	}
}

func TestParseTakesAnIdentity(t *testing.T) {
	parsed, err := Parse(valid())
	if err != nil || parsed.unixTimeNs != 1790000000123456789 || len(parsed.entropy) != 32 {
		t.Fatalf("%+v %v", parsed, err)
	}
}

func TestParseRefusesWhatIsNone(t *testing.T) {
	for name, change := range map[string]func(*contract.Identity){
		"time":                  func(i *contract.Identity) { i.UnixTimeNs = "now" },
		"negative time":         func(i *contract.Identity) { i.UnixTimeNs = "-1" },
		"entropy":               func(i *contract.Identity) { i.Entropy = "!" },
		"short entropy":         func(i *contract.Identity) { i.Entropy = "AAAA" },
		"hostname":              func(i *contract.Identity) { i.Hostname = "a b" },
		"long hostname":         func(i *contract.Identity) { i.Hostname = strings.Repeat("a", 64) },
		"machine id":            func(i *contract.Identity) { i.MachineID = "0F" },
		"certificate":           func(i *contract.Identity) { i.CACertificates = []string{"-----BEGIN CERTIFICATE-----"} },
		"too many certificates": func(i *contract.Identity) { i.CACertificates = make([]string, maxAuthorities+1) },
		"a private key": func(i *contract.Identity) {
			i.CACertificates = []string{"-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n"}
		},
	} {
		raw := valid()
		change(&raw)
		if _, err := Parse(raw); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func FuzzParse(f *testing.F) {
	v := valid()
	f.Add(v.UnixTimeNs, v.Entropy, v.Hostname, v.MachineID)
	f.Fuzz(func(t *testing.T, unixTime, entropy, hostname, machineID string) {
		parsed, err := Parse(contract.Identity{UnixTimeNs: unixTime, Entropy: entropy, Hostname: hostname, MachineID: machineID})
		if err == nil && (strings.ContainsAny(parsed.hostname+parsed.machineID, "\n \x00/") || len(parsed.entropy) < minEntropyBytes) {
			t.Fatalf("%+v", parsed)
		}
	})
}

func TestNamesAreWrittenForEveryoneToRead(t *testing.T) {
	directory := t.TempDir()
	for _, hostname := range []string{"first", "second"} {
		if err := writeNames(directory, hostname, "id-"+hostname); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{"hostname": "second\n", "hosts": "127.0.1.1\tsecond\n", "machine-id": "id-second\n"} {
		content, err := os.ReadFile(filepath.Join(directory, name))
		info, _ := os.Stat(filepath.Join(directory, name))
		if err != nil || !strings.Contains(string(content), want) || info.Mode().Perm()&0o444 != 0o444 {
			t.Fatalf("%s: %q %v %v", name, content, info.Mode(), err)
		}
	}
}

func TestReplaceWritesInPlace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	var before os.FileInfo
	for _, content := range []string{"a longer text\n", "short\n", "other\n", "", "long again\n"} {
		if err := replace(path, []byte(content), 0o640); err != nil {
			t.Fatal(err)
		}
		got, _ := os.ReadFile(path)
		info, err := os.Stat(path)
		if err != nil || string(got) != content || info.Mode().Perm() != 0o640 || before != nil && !os.SameFile(before, info) {
			t.Fatalf("%q instead of %q, %v %v", got, content, info, err)
		}
		before = info
	}
}

func TestReplaceFollowsNoLink(t *testing.T) {
	directory := t.TempDir()
	victim, path := filepath.Join(directory, "victim"), filepath.Join(directory, "link")
	if err := os.WriteFile(victim, []byte("untouched"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(victim, path); err != nil {
		t.Fatal(err)
	}
	if err := replace(path, []byte("new"), 0o644); err == nil {
		t.Fatal("followed")
	}
	if got, _ := os.ReadFile(victim); string(got) != "untouched" {
		t.Fatalf("%q", got)
	}
}

func TestInstalledCertificatesAreNotParsedAgain(t *testing.T) {
	defer installed.Store(nil)
	raw := valid()
	raw.CACertificates = []string{string(certificate(t, "authority.pem").pem)}
	first, err := Parse(raw)
	if err != nil || len(first.authorities) != 1 {
		t.Fatalf("%+v %v", first, err)
	}
	installed.Store(&first.certificates)
	if again, err := Parse(raw); err != nil || len(again.authorities) != 0 {
		t.Fatalf("%+v %v", again, err)
	}
	raw.CACertificates = append(raw.CACertificates, string(certificate(t, "another.pem").pem))
	if other, err := Parse(raw); err != nil || len(other.authorities) != 2 {
		t.Fatalf("%+v %v", other, err)
	}
}

func TestAServerWithoutKeysGetsNone(t *testing.T) {
	directory := t.TempDir()
	if err := renewHostKeys(directory); err != nil {
		t.Fatal(err)
	}
	if entries, _ := os.ReadDir(directory); len(entries) != 0 {
		t.Fatal(entries)
	}
}

func TestHostKeysAreReplacedByANewOne(t *testing.T) {
	directory := t.TempDir()
	for _, name := range []string{"ssh_host_rsa_key", "ssh_host_rsa_key.pub", "ssh_host_ed25519_key", "sshd_config"} {
		if err := os.WriteFile(filepath.Join(directory, name), []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := renewHostKeys(directory); err != nil {
		t.Fatal(err)
	}
	entries, _ := os.ReadDir(directory)
	if len(entries) != 3 {
		t.Fatal(entries)
	}
	private, _ := os.ReadFile(filepath.Join(directory, "ssh_host_ed25519_key"))
	public, _ := os.ReadFile(filepath.Join(directory, "ssh_host_ed25519_key.pub"))
	fields := strings.Fields(string(public))
	if len(fields) != 2 || fields[0] != keyType {
		t.Fatalf("%q", public)
	}
	blob, err := base64.StdEncoding.DecodeString(fields[1])
	if err != nil || len(blob) != 4+len(keyType)+4+ed25519.PublicKeySize {
		t.Fatal(len(blob), err)
	}
	key := ed25519.PublicKey(blob[len(blob)-ed25519.PublicKeySize:])
	if signed := ed25519.Sign(privateKeyIn(t, private), []byte("x")); !ed25519.Verify(key, []byte("x"), signed) {
		t.Fatal("the two halves do not belong together")
	}
}

// privateKeyIn extracts the key from OpenSSH's format and checks the surrounding structure.
func privateKeyIn(t *testing.T, file []byte) ed25519.PrivateKey {
	t.Helper()
	block, rest := pem.Decode(file)
	if block == nil || len(rest) != 0 || !bytes.HasPrefix(block.Bytes, []byte("openssh-key-v1\x00")) {
		t.Fatalf("%q", file)
	}
	data := block.Bytes[len("openssh-key-v1\x00"):]
	next := func() (text []byte) {
		length := binary.BigEndian.Uint32(data)
		text, data = data[4:4+length], data[4+length:]
		return text
	}
	next() // cipher
	next() // key derivation
	next() // its options
	data = data[4:]
	next() // public key
	secret := next()
	if len(data) != 0 || len(secret)%8 != 0 {
		t.Fatal("bytes left over, or no padding")
	}
	data = secret[8:]
	next() // type
	next() // public key
	return ed25519.PrivateKey(next())
}
