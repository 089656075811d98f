package fetch

import (
	"crypto/x509"
	"os"
	"sync"
	"time"
)

// trusted holds the authorities that the guest's programs trust.
var trusted = roots{path: "/etc/ssl/certs/ca-certificates.crt"}

// roots reloads the authorities when their file changes: a machine gets its installation's authorities when it is
// assigned, and the user may add more. Go's own pool is read only once per process.
type roots struct {
	path string

	mu      sync.Mutex
	changed time.Time
	size    int64
	pool    *x509.CertPool
}

// get returns the authorities, or nil for Go's default if there is no such file.
func (r *roots) get() *x509.CertPool {
	r.mu.Lock()
	defer r.mu.Unlock()
	info, err := os.Stat(r.path)
	if err != nil {
		return nil
	}
	if r.pool != nil && info.ModTime().Equal(r.changed) && info.Size() == r.size {
		return r.pool
	}
	text, err := os.ReadFile(r.path)
	if err != nil {
		return nil
	}
	r.pool = x509.NewCertPool()
	r.pool.AppendCertsFromPEM(text)
	r.changed, r.size = info.ModTime(), info.Size()
	return r.pool
}
