package fetch

import (
	"crypto/x509"
	"os"
	"sync"
	"time"
)

// trusted are the authorities of the guest's programs.
var trusted = roots{path: "/etc/ssl/certs/ca-certificates.crt"}

// roots reads authorities anew when their file has changed: a machine gets its installation's when it becomes somebody's,
// and its user may add more. Go's own pool is read once in the life of a process.
type roots struct {
	path string

	mu      sync.Mutex
	changed time.Time
	size    int64
	pool    *x509.CertPool
}

// get gives the authorities, or nil for Go's own choice where there is no such file.
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
