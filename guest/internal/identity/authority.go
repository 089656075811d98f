package identity

import (
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"sandkeep.dev/guest/internal/fault"
)

// Where programs look for the authorities they trust: Debian's places, which update-ca-certificates(8) writes as well. It
// finds everything as it would have made it, so a later run changes nothing.
const (
	authorityFile   = "/usr/local/share/ca-certificates/sandkeep.crt"
	certsDir        = "/etc/ssl/certs"
	bundleFile      = certsDir + "/ca-certificates.crt"
	environmentFile = "/etc/environment"
	// sudoersDir has the rules of sudo(8), which by itself passes on none of the variables and reads none.
	sudoersDir  = "/etc/sudoers.d"
	sudoersRule = "# Programs under sudo trust whom all others trust.\nDefaults env_file=" + environmentFile + "\n"
	// linkName is the name that update-ca-certificates derives from the file's.
	linkName = "sandkeep.pem"
	// maxAuthorityBytes bounds the certificate, in PEM.
	maxAuthorityBytes = 16 * 1024
	// bundleTailBytes at the end of the bundle are searched for the authority: those of the installation come last.
	bundleTailBytes = 32 * 1024
	// maxSameHash bounds the search for a free name; two authorities of the same hash are rare.
	maxSameHash = 100
)

// AuthorityEnvironment tells programs that bring their own list of authorities of the guest's. Others need not be told.
var AuthorityEnvironment = []struct{ Name, Value, why string }{
	{"NODE_EXTRA_CA_CERTS", authorityFile, "node, npm, bun: the one that their own list lacks, which is quick to read"},
	{"DENO_CERT", authorityFile, "deno: the same"},
	{"SSL_CERT_FILE", bundleFile, "OpenSSL wherever it was built, Go, rustls, uv, httpx"},
	{"REQUESTS_CA_BUNDLE", bundleFile, "Python's requests"},
	{"PIP_CERT", bundleFile, "pip, of any age"},
	{"AWS_CA_BUNDLE", bundleFile, "botocore and the AWS command line"},
	{"GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", bundleFile, "gRPC in Python, Node and others on its C core"},
}

// authority is the installation's certificate authority, whose certificates the guest is to trust.
type authority struct {
	pem     []byte
	subject element
}

// parseAuthority checks a certificate. No text at all is none.
func parseAuthority(text string) (*authority, error) {
	if text == "" {
		return nil, nil
	}
	block, rest := pem.Decode([]byte(text))
	if block == nil || block.Type != "CERTIFICATE" || len(bytes.TrimSpace(rest)) > 0 || len(text) > maxAuthorityBytes {
		return nil, fault.TypeError("Invalid CA certificate: one certificate in PEM expected")
	}
	subject, err := subjectOf(block.Bytes)
	if err != nil {
		return nil, fault.TypeError("Invalid CA certificate: %s", err)
	}
	return &authority{
		pem:     pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes}),
		subject: subject,
	}, nil
}

// install makes programs below root trust the authority, in place of one that was installed before. The certificate's file
// comes last and says that everything is there: then nothing is left to do, whatever the machine's owner made of the rest.
func (a *authority) install(root string) error {
	path, certs := filepath.Join(root, authorityFile), filepath.Join(root, certsDir)
	before, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if bytes.Equal(before, a.pem) {
		return nil
	}
	for _, step := range []func() error{
		func() error { return os.MkdirAll(filepath.Dir(path), 0o755) },
		func() error { return os.MkdirAll(certs, 0o755) },
		func() error { return a.bundle(filepath.Join(root, bundleFile), before) },
		func() error { return a.link(certs, len(before) > 0) },
		func() error { return appendEnvironment(filepath.Join(root, environmentFile)) },
		func() error { return tellSudo(filepath.Join(root, sudoersDir)) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return replace(path, a.pem, 0o644)
}

// bundle puts the certificate at the end of all others, in place of the one before.
func (a *authority) bundle(path string, before []byte) error {
	if len(before) > 0 {
		return exchange(path, before, a.pem)
	}
	return appendOnce(path, a.pem)
}

// tellSudo lets it read the environment's file, where there is one.
func tellSudo(directory string) error {
	if _, err := os.Stat(directory); err != nil {
		return nil
	}
	return replace(filepath.Join(directory, "sandkeep"), []byte(sudoersRule), 0o440)
}

// link gives the certificate its names in the directory: its own, and the one by which OpenSSL looks for it.
func (a *authority) link(directory string, another bool) error {
	if another {
		if err := removeLinks(directory); err != nil {
			return err
		}
	}
	path := filepath.Join(directory, linkName)
	if err := symlink(authorityFile, path); err != nil {
		if err := os.Remove(path); err != nil {
			return err
		}
		if err := os.Symlink(authorityFile, path); err != nil {
			return err
		}
	}
	hash, err := subjectHash(a.subject)
	if err != nil {
		return err
	}
	for n := range maxSameHash {
		err = symlink(linkName, filepath.Join(directory, fmt.Sprintf("%s.%d", hash, n)))
		if !errors.Is(err, os.ErrExist) {
			break
		}
	}
	return err
}

// symlink makes a link, unless it is there. Something else of that name is an error.
func symlink(target, path string) error {
	err := os.Symlink(target, path)
	if there, readErr := os.Readlink(path); errors.Is(err, os.ErrExist) && readErr == nil && there == target {
		return nil
	}
	return err
}

// removeLinks removes the names of the authority that was installed before.
func removeLinks(directory string) error {
	entries, err := os.ReadDir(directory)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		path := filepath.Join(directory, entry.Name())
		if target, err := os.Readlink(path); err == nil && target == linkName {
			if err := os.Remove(path); err != nil {
				return err
			}
		}
	}
	return nil
}

// appendOnce adds text to the end of a file, in one write, unless its end has it already: readers see the old file or the new.
func appendOnce(path string, text []byte) error {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer file.Close()
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	tail := make([]byte, min(size, bundleTailBytes))
	if _, err := file.ReadAt(tail, size-int64(len(tail))); err != nil && err != io.EOF {
		return err
	}
	if bytes.Contains(tail, text) {
		return nil
	}
	if len(tail) > 0 && tail[len(tail)-1] != '\n' {
		text = append([]byte{'\n'}, text...)
	}
	_, err = file.Write(text)
	return err
}

// exchange puts new text at the end of a file and takes the old out of it, all at once.
func exchange(path string, before, after []byte) error {
	content, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	content = append(bytes.ReplaceAll(content, before, nil), after...)
	temporary := path + ".sandkeep"
	if err := replace(temporary, content, 0o644); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}

// appendEnvironment tells login shells, sudo and services, who read the file, what the agent tells its processes. What the
// file says already is its owner's.
func appendEnvironment(path string) error {
	content, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	var lines strings.Builder
	if len(content) > 0 && content[len(content)-1] != '\n' {
		lines.WriteByte('\n')
	}
	for _, variable := range AuthorityEnvironment {
		if !bytes.Contains(append([]byte{'\n'}, content...), []byte("\n"+variable.Name+"=")) {
			fmt.Fprintf(&lines, "%s=%s\n", variable.Name, variable.Value)
		}
	}
	if lines.Len() <= 1 {
		return nil
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = file.WriteString(lines.String())
	return err
}
