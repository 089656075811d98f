package fetch

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"time"

	"sandkeep.dev/guest/internal/dial"
)

const (
	connectTimeout = 30 * time.Second
	tlsTimeout     = 30 * time.Second
	// maxHeaderBytes limits the size of response headers.
	maxHeaderBytes = 1 << 20
)

// newTransport makes a transport for a single request: kept-alive connections would stay behind in an idle machine.
// With a port, every connection goes to that loopback port, without TLS, whatever the URL says.
func newTransport(port int) http.RoundTripper {
	transport := &http.Transport{
		DialContext:            (&net.Dialer{Timeout: connectTimeout, KeepAlive: -1}).DialContext,
		TLSHandshakeTimeout:    tlsTimeout,
		DisableKeepAlives:      true,
		MaxResponseHeaderBytes: maxHeaderBytes,
		ForceAttemptHTTP2:      true,
	}
	if port == 0 {
		transport.TLSClientConfig = &tls.Config{RootCAs: trusted.get()}
		return transport
	}
	transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) { return dial.Loopback(ctx, port) }
	return plainText{transport}
}

// plainText sends https requests as http, but leaves the URL unchanged for later readers.
type plainText struct{ next http.RoundTripper }

func (t plainText) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.URL.Scheme != "https" {
		return t.next.RoundTrip(request)
	}
	plain := request.Clone(request.Context())
	plain.URL.Scheme = "http"
	if plain.Host == "" {
		plain.Host = request.URL.Host
	}
	response, err := t.next.RoundTrip(plain)
	if response != nil {
		response.Request = request
	}
	return response, err
}
