package identity

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"strings"

	"sandkeep.dev/guest/internal/regular"
)

// Where programs look for trusted authorities: Debian's locations, which update-ca-certificates(8) also writes. The
// files match its output, so running it later changes nothing.
const (
	// ownDir has one file per authority: the installation's sandkeep.crt, then sandkeep-1.crt and so on.
	ownDir     = "/usr/local/share/ca-certificates"
	certsDir   = "/etc/ssl/certs"
	bundleFile = certsDir + "/ca-certificates.crt"
	// authoritiesFile has all authorities that the image lacks. It is written last, and marks the installation as
	// complete.
	authoritiesFile = "/etc/ssl/sandkeep.pem"
	environmentFile = "/etc/environment"
	// namePrefix begins the names of the authorities' files and links.
	namePrefix = "sandkeep"
	// maxSameHash limits the search for a free name; two authorities rarely share a hash.
	maxSameHash = 100
)

// AuthorityEnvironment points programs that bring their own list of authorities to the guest's. Other programs need no
// variable.
var AuthorityEnvironment = []struct{ Name, Value, why string }{
	{"NODE_EXTRA_CA_CERTS", authoritiesFile, "node, npm, bun: those that their own list lacks, which are quick to read"},
	{"DENO_CERT", authoritiesFile, "deno: the same"},
	{"SSL_CERT_FILE", bundleFile, "OpenSSL wherever it was built, Go, rustls, uv, httpx"},
	{"REQUESTS_CA_BUNDLE", bundleFile, "Python's requests"},
	{"PIP_CERT", bundleFile, "pip, of any age"},
	{"AWS_CA_BUNDLE", bundleFile, "botocore and the AWS command line"},
	{"GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", bundleFile, "gRPC in Python, Node and others on its C core"},
}

// install makes programs below root trust the authorities, replacing those installed before. If they are already
// installed it changes nothing, whatever the machine's owner did to the other files.
func (a authorities) install(root string) error {
	path, text := filepath.Join(root, authoritiesFile), a.joined()
	before, err := regular.Read(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if bytes.Equal(before, text) {
		return nil
	}
	own, certs, bundle := filepath.Join(root, ownDir), filepath.Join(root, certsDir), filepath.Join(root, bundleFile)
	for _, step := range []func() error{
		func() error { return os.MkdirAll(own, 0o755) },
		func() error { return os.MkdirAll(certs, 0o755) },
		func() error { return removeFormer(own, certs, bundle, before) },
		func() error { return appendOnce(bundle, text) },
		func() error { return a.writeFiles(own, certs) },
		func() error { return appendEnvironment(filepath.Join(root, environmentFile)) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return replace(path, text, 0o644)
}

// writeFiles writes each certificate to a file and links it in the store under two names: the file's, and the hash by
// which OpenSSL finds it.
func (a authorities) writeFiles(own, certs string) error {
	for n, one := range a {
		name := namePrefix
		if n > 0 {
			name = fmt.Sprintf("%s-%d", namePrefix, n)
		}
		if err := replace(filepath.Join(own, name+".crt"), one.pem, 0o644); err != nil {
			return err
		}
		if err := link(certs, name, one.subject); err != nil {
			return err
		}
	}
	return nil
}

func link(directory, name string, subject element) error {
	target, path := ownDir+"/"+name+".crt", filepath.Join(directory, name+".pem")
	if err := symlink(target, path); err != nil {
		if err := os.Remove(path); err != nil {
			return err
		}
		if err := os.Symlink(target, path); err != nil {
			return err
		}
	}
	hash, err := subjectHash(subject)
	if err != nil {
		// Programs find it in the bundle, except those that only search the directory.
		log.Printf("%s has no name by its hash: %v", path, err)
		return nil
	}
	for n := range maxSameHash {
		err = symlink(name+".pem", filepath.Join(directory, fmt.Sprintf("%s.%d", hash, n)))
		if !errors.Is(err, os.ErrExist) {
			break
		}
	}
	return err
}

// symlink creates a link unless it exists. Anything else of that name is an error.
func symlink(target, path string) error {
	err := os.Symlink(target, path)
	if there, readErr := os.Readlink(path); errors.Is(err, os.ErrExist) && readErr == nil && there == target {
		return nil
	}
	return err
}

// removeFormer removes previously installed authorities: their files, links, and entries in the bundle.
func removeFormer(own, certs, bundle string, before []byte) error {
	if len(before) == 0 {
		return nil
	}
	files, err := filepath.Glob(filepath.Join(own, namePrefix+"*.crt"))
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(certs)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		path := filepath.Join(certs, entry.Name())
		if target, err := os.Readlink(path); err == nil && strings.HasPrefix(filepath.Base(target), namePrefix) {
			files = append(files, path)
		}
	}
	for _, path := range files {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	content, err := regular.Read(bundle)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for _, certificate := range bytes.SplitAfter(before, []byte("-----END CERTIFICATE-----\n")) {
		if len(certificate) > 0 {
			content = bytes.ReplaceAll(content, certificate, nil)
		}
	}
	temporary := bundle + "." + namePrefix
	if err := replace(temporary, content, 0o644); err != nil {
		return err
	}
	return os.Rename(temporary, bundle)
}

// appendOnce appends text to a file unless the file already ends with it. It uses a single write, so readers see the
// old file or the new one.
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
	tail := make([]byte, min(size, int64(len(text))))
	if _, err := file.ReadAt(tail, size-int64(len(tail))); err != nil && err != io.EOF {
		return err
	}
	if bytes.Equal(tail, text) {
		return nil
	}
	if len(tail) > 0 && tail[len(tail)-1] != '\n' {
		text = append([]byte{'\n'}, text...)
	}
	_, err = file.Write(text)
	return err
}

// appendEnvironment adds the agent's variables to the file read by login shells, sudo and services. It does not
// override variables that the file already sets.
func appendEnvironment(path string) error {
	content, err := regular.Read(path)
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
