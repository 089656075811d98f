package identity

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
	"os"
	"path/filepath"
)

// renewHostKeys replaces the SSH server's host keys with new ones, if it has any: all clones share the template's keys.
// An image without keys, or without a server, gets none.
func renewHostKeys(directory string) error {
	old, err := filepath.Glob(filepath.Join(directory, "ssh_host_*_key*"))
	if err != nil || len(old) == 0 {
		return err
	}
	for _, path := range old {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	path := filepath.Join(directory, "ssh_host_ed25519_key")
	if err := replace(path, encodePrivateKey(public, private), 0o600); err != nil {
		return err
	}
	line := keyType + " " + base64.StdEncoding.EncodeToString(encodePublicKey(public)) + "\n"
	return replace(path+".pub", []byte(line), 0o644)
}

const keyType = "ssh-ed25519"

// sshString appends a string as defined in RFC 4251 section 5.
func sshString(to []byte, text string) []byte {
	return append(binary.BigEndian.AppendUint32(to, uint32(len(text))), text...)
}

// encodePublicKey follows RFC 8709 section 4.
func encodePublicKey(public ed25519.PublicKey) []byte {
	return sshString(sshString(nil, keyType), string(public))
}

// encodePrivateKey follows OpenSSH's PROTOCOL.key, without a passphrase.
func encodePrivateKey(public ed25519.PublicKey, private ed25519.PrivateKey) []byte {
	const (
		magic     = "openssh-key-v1\x00"
		blockSize = 8
	)
	// The same number appears twice to detect a wrong passphrase; without a passphrase it may have any value.
	secret := binary.BigEndian.AppendUint32(nil, 0)
	secret = binary.BigEndian.AppendUint32(secret, 0)
	secret = sshString(secret, keyType)
	secret = sshString(secret, string(public))
	secret = sshString(secret, string(private))
	secret = sshString(secret, "") // comment
	for pad := byte(1); len(secret)%blockSize != 0; pad++ {
		secret = append(secret, pad)
	}
	key := []byte(magic)
	key = sshString(key, "none") // cipher
	key = sshString(key, "none") // key derivation
	key = sshString(key, "")     // its options
	key = binary.BigEndian.AppendUint32(key, 1)
	key = sshString(key, string(encodePublicKey(public)))
	key = sshString(key, string(secret))
	return pem.EncodeToMemory(&pem.Block{Type: "OPENSSH PRIVATE KEY", Bytes: key})
}
