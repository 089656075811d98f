package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// readBytes is the size of a read from a body.
const readBytes = 64 * 1024

// dialer opens a connection to a name and port.
type dialer func(ctx context.Context, network, address string) (net.Conn, error)

type options struct {
	name          string
	upstream      string
	authorities   string // path of a PEM file
	authorization string
}

// client sends requests on one connection, one after the other.
type client struct {
	options options
	http    http.Client
	buffer  []byte
}

// taken is what a request took.
type taken struct {
	Milliseconds float64 `json:"ms"`
	Bytes        int64   `json:"bytes"`
	// CPUSeconds are those of this process, in user and kernel mode.
	CPUSeconds float64 `json:"cpuSeconds"`
}

func newClient(options options, dial dialer) (*client, error) {
	pem, err := os.ReadFile(options.authorities)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("no certificate in %s", options.authorities)
	}
	return &client{
		options: options,
		http: http.Client{Transport: &http.Transport{
			DialContext: dial, TLSClientConfig: &tls.Config{RootCAs: roots}, DisableCompression: true, MaxConnsPerHost: 1,
		}},
		buffer: make([]byte, readBytes),
	}, nil
}

// directly returns a dialer that ignores names.
func directly(upstream string) dialer {
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", upstream)
	}
}

func (c *client) fetch(path string) (taken, error) {
	request, err := http.NewRequest(http.MethodGet, "https://"+c.options.name+path, nil)
	if err != nil {
		return taken{}, err
	}
	request.Header.Set("Authorization", c.options.authorization)
	used, started := cpuTime(), time.Now()
	response, err := c.http.Do(request)
	if err != nil {
		return taken{}, err
	}
	defer response.Body.Close()
	// The buffer is used only if the writer has no method of its own for copying.
	size, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, response.Body, c.buffer)
	if err != nil {
		return taken{}, fmt.Errorf("after %d bytes of %s: %w", size, path, err)
	}
	if response.StatusCode != http.StatusOK {
		return taken{}, fmt.Errorf("%s was answered with %s", path, response.Status)
	}
	return taken{
		Milliseconds: float64(time.Since(started).Microseconds()) / 1e3,
		Bytes:        size,
		CPUSeconds:   (cpuTime() - used).Seconds(),
	}, nil
}

// cpuTime is the processor time that this process has used.
func cpuTime() time.Duration {
	var usage unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
