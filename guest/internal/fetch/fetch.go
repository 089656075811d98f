// Package fetch makes HTTP requests from inside the guest.
package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"sandkeep.dev/guest/internal/contract"
	"sandkeep.dev/guest/internal/fault"
)

const (
	// maxRedirects is the Fetch standard's limit (section 4.4).
	maxRedirects = 20
	userAgent    = "Sandkeep"
)

// Response is a response whose body the caller reads and closes. Body is nil for responses that have none.
type Response struct {
	Head contract.FetchHead
	Body io.ReadCloser
}

// Do makes the request and follows redirects as requested. It reads the request body while sending it.
func Do(ctx context.Context, p contract.FetchParams, body io.Reader) (*Response, error) {
	request, err := newRequest(ctx, p, body)
	if err != nil {
		return nil, err
	}
	client := &http.Client{Transport: newTransport(p.Port), CheckRedirect: redirectPolicy(p.Redirect)}
	response, err := client.Do(request)
	if err != nil {
		return nil, failed(p.URL, err)
	}
	if response.StatusCode < 200 || response.StatusCode > 599 {
		response.Body.Close()
		return nil, fault.TypeError("The response's status %d cannot be passed on", response.StatusCode)
	}
	if response.StatusCode == http.StatusTemporaryRedirect || response.StatusCode == http.StatusPermanentRedirect {
		// The client returns such a response when following it would need to resend a streamed body.
		if p.Redirect != manual && p.HasBody && response.Header.Get("Location") != "" {
			response.Body.Close()
			return nil, fault.TypeError("Cannot follow a redirect with a streamed request body: %s", p.URL)
		}
	}
	return newResponse(request, response), nil
}

const manual = "manual"

// methods that the Fetch standard forbids (section 2.2.1).
var forbiddenMethods = []string{"CONNECT", "TRACE", "TRACK"}

func newRequest(ctx context.Context, p contract.FetchParams, body io.Reader) (*http.Request, error) {
	target, err := url.Parse(p.URL)
	if err != nil || target.Host == "" {
		return nil, fault.TypeError("Invalid URL: '%s'", p.URL)
	}
	if target.Scheme != "http" && target.Scheme != "https" {
		return nil, fault.TypeError("Url scheme '%s' not supported", target.Scheme)
	}
	if p.Port < 0 || p.Port > 65535 {
		return nil, fault.TypeError("Invalid port: %d", p.Port)
	}
	if slices.Contains(forbiddenMethods, strings.ToUpper(p.Method)) {
		return nil, fault.TypeError("Method is forbidden: %s", p.Method)
	}
	if p.Redirect != "follow" && p.Redirect != manual {
		return nil, fault.TypeError("Invalid redirect mode: %q", p.Redirect)
	}
	if p.HasBody {
		body = struct{ io.Reader }{body} // hide its type, so that it is sent as a stream: of unknown length, only once
	} else {
		body = nil
	}
	request, err := http.NewRequestWithContext(ctx, p.Method, target.String(), body)
	if err != nil {
		return nil, fault.TypeError("Invalid request: %s", err)
	}
	request.Header.Set("User-Agent", userAgent)
	request.Header.Set("Accept", "*/*")
	return request, setHeaders(request, p.Headers)
}

// Skip headers of the connection rather than the message (RFC 9110 section 7.6.1), and those the client sets itself.
var (
	hopByHop = []string{"Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade"}
	// With the caller's Accept-Encoding the body would arrive encoded, but the contract requires it decoded.
	made = []string{"Accept-Encoding", "Content-Length", "Host"}
)

func setHeaders(request *http.Request, headers [][2]string) error {
	given := map[string]bool{}
	for _, header := range headers {
		name, value := http.CanonicalHeaderKey(header[0]), header[1]
		switch {
		case name == "Host":
			request.Host = value
		case name == "Content-Length":
			length, err := strconv.ParseInt(value, 10, 64)
			if err != nil || length < 0 {
				return fault.TypeError("Invalid content-length: %q", value)
			}
			if request.Body != nil {
				request.ContentLength = length
			}
		case slices.Contains(made, name), slices.Contains(hopByHop, name):
		case given[name]:
			request.Header.Add(name, value)
		default:
			given[name] = true
			request.Header.Set(name, value) // replaces a default
		}
	}
	return nil
}

func redirectPolicy(mode string) func(*http.Request, []*http.Request) error {
	return func(_ *http.Request, via []*http.Request) error {
		if mode == manual {
			return http.ErrUseLastResponse
		}
		if len(via) > maxRedirects {
			return errTooManyRedirects
		}
		return nil
	}
}

var errTooManyRedirects = errors.New("maximum number of redirects reached")

func newResponse(request *http.Request, response *http.Response) *Response {
	hasBody := request.Method != http.MethodHead && !slices.Contains([]int{
		http.StatusNoContent, http.StatusResetContent, http.StatusNotModified,
	}, response.StatusCode)
	result := &Response{
		Head: contract.FetchHead{
			Status:     response.StatusCode,
			StatusText: strings.TrimPrefix(response.Status, strconv.Itoa(response.StatusCode)+" "),
			Headers:    listHeaders(response.Header),
			URL:        response.Request.URL.String(),
			HasBody:    hasBody,
		},
	}
	if hasBody {
		result.Body = response.Body
	} else {
		response.Body.Close()
	}
	if result.Head.StatusText == strconv.Itoa(response.StatusCode) {
		result.Head.StatusText = ""
	}
	return result
}

// listHeaders returns the headers in a fixed order, in lower case as the Fetch standard requires.
func listHeaders(headers http.Header) [][2]string {
	names := make([]string, 0, len(headers))
	for name := range headers {
		if !slices.Contains(hopByHop, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	list := make([][2]string, 0, len(names))
	for _, name := range names {
		for _, value := range headers[name] {
			list = append(list, [2]string{strings.ToLower(name), value})
		}
	}
	return list
}

// failed words an error as Deno's fetch does: always a TypeError, with the cause in the message and the errno as the
// code.
func failed(target string, err error) error {
	if errors.Is(err, context.Canceled) {
		return &fault.Fault{Class: "DOMException", Name: "AbortError", Message: "The operation was aborted"}
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	cause := fault.From(err)
	return fault.WithCode("TypeError", cause.Code, "%s", fmt.Sprintf("error sending request for url (%s): %s", target, cause.Message))
}
