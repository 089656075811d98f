package files

import (
	"crypto/rand"
	"encoding/hex"
	"strings"

	"golang.org/x/sys/unix"

	"sandkeep.dev/guest/internal/contract"
	"sandkeep.dev/guest/internal/fault"
)

const (
	// tempAttempts limits the search for a free name: with 64 random bits, one is enough.
	tempAttempts = 16
	defaultTemp  = "/tmp"
)

// MakeTempDir creates a unique directory, readable only by the user, and returns its path.
func MakeTempDir(p contract.TempParams) (string, error) {
	return makeTemp(p, "tmpdir", func(path string) error { return unix.Mkdir(path, 0o700) })
}

// MakeTempFile creates a unique empty file, readable only by the user, and returns its path.
func MakeTempFile(p contract.TempParams) (string, error) {
	return makeTemp(p, "tmpfile", func(path string) error {
		fd, err := openFd(path, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, 0o600)
		if err == nil {
			unix.Close(fd)
		}
		return err
	})
}

func makeTemp(p contract.TempParams, operation string, create func(path string) error) (string, error) {
	if err := CheckName(p.Prefix + p.Suffix); err != nil {
		return "", err
	}
	if strings.Contains(p.Prefix+p.Suffix, "/") {
		return "", fault.TypeError("Invalid prefix or suffix: a path separator is not allowed")
	}
	if p.Dir == "" {
		p.Dir = defaultTemp
	}
	if err := CheckPath(p.Dir); err != nil {
		return "", err
	}
	for attempt := 1; ; attempt++ {
		var random [8]byte
		if _, err := rand.Read(random[:]); err != nil {
			return "", err
		}
		path := strings.TrimRight(p.Dir, "/") + "/" + p.Prefix + hex.EncodeToString(random[:]) + p.Suffix
		err := create(path)
		if err == nil {
			return path, nil
		}
		if err != unix.EEXIST || attempt == tempAttempts {
			return "", fault.Path(err, operation, path)
		}
	}
}
