package fetch

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"sandkeep.dev/guest/internal/contract"
	"sandkeep.dev/guest/internal/fault"
)

// newServer echoes the request in its answer.
func newServer(t *testing.T) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Set-Cookie", "a=1")
		w.Header().Add("Set-Cookie", "b=2")
		w.Header().Set("Keep-Alive", "timeout=5")
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s host=%s agent=%s x=%v length=%d body=%s", r.Method, r.URL, r.Host, r.UserAgent(), r.Header["X-Own"], r.ContentLength, body)
	})
	mux.HandleFunc("/gzip", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		zipped := gzip.NewWriter(w)
		_, _ = zipped.Write([]byte("was zipped for " + r.Header.Get("Accept-Encoding")))
		zipped.Close()
	})
	mux.HandleFunc("/hop/", func(w http.ResponseWriter, r *http.Request) {
		left, _ := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/hop/"))
		if left > 0 {
			http.Redirect(w, r, fmt.Sprintf("/hop/%d", left-1), http.StatusFound)
			return
		}
		_, _ = io.WriteString(w, "arrived")
	})
	mux.HandleFunc("/again", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/echo", http.StatusTemporaryRedirect)
	})
	mux.HandleFunc("/empty", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

func get(target string) contract.FetchParams {
	return contract.FetchParams{URL: target, Method: "GET", Redirect: "follow"}
}

// fetched makes the request and reads the body.
func fetched(t *testing.T, p contract.FetchParams, body string) (contract.FetchHead, string) {
	t.Helper()
	response, err := Do(context.Background(), p, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if response.Body == nil {
		return response.Head, ""
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.Head, string(content)
}

func TestHeadersAndBodyPassBothWays(t *testing.T) {
	server := newServer(t)
	p := get(server.URL + "/echo?q=1")
	p.Method, p.HasBody = "POST", true
	p.Headers = [][2]string{{"x-own", "1"}, {"x-own", "2"}, {"host", "other.example"}, {"connection", "close"}, {"transfer-encoding", "x"}}
	head, body := fetched(t, p, "the body")
	if body != "POST /echo?q=1 host=other.example agent=Sandkeep x=[1 2] length=-1 body=the body" {
		t.Fatal(body)
	}
	if head.Status != 200 || head.StatusText != "OK" || !head.HasBody || head.URL != server.URL+"/echo?q=1" {
		t.Fatalf("%+v", head)
	}
	cookies := 0
	for _, header := range head.Headers {
		if header[0] == "set-cookie" {
			cookies++
		}
		if header[0] == "keep-alive" || header[0] == "transfer-encoding" || header[0] != strings.ToLower(header[0]) {
			t.Fatal(header)
		}
	}
	if cookies != 2 {
		t.Fatal(head.Headers)
	}
	p.Headers = [][2]string{{"content-length", "8"}, {"user-agent", "mine"}}
	if _, body = fetched(t, p, "the body"); !strings.Contains(body, "agent=mine") || !strings.Contains(body, "length=8") {
		t.Fatal(body)
	}
}

func TestTheBodyArrivesDecoded(t *testing.T) {
	p := get(newServer(t).URL + "/gzip")
	p.Headers = [][2]string{{"accept-encoding", "br"}}
	head, body := fetched(t, p, "")
	if body != "was zipped for gzip" {
		t.Fatal(body)
	}
	for _, header := range head.Headers {
		if header[0] == "content-encoding" || header[0] == "content-length" {
			t.Fatal(header)
		}
	}
}

func TestRedirectsAreFollowedUpToABound(t *testing.T) {
	server := newServer(t)
	head, body := fetched(t, get(server.URL+"/hop/20"), "")
	if body != "arrived" || head.URL != server.URL+"/hop/0" {
		t.Fatal(head, body)
	}
	_, err := Do(context.Background(), get(server.URL+"/hop/21"), nil)
	wantTypeError(t, err, "redirects")
	p := get(server.URL + "/hop/3")
	p.Redirect = manual
	if head, _ = fetched(t, p, ""); head.Status != 302 || head.URL != p.URL {
		t.Fatal(head)
	}
	p = get(server.URL + "/again")
	p.Method, p.HasBody = "POST", true
	_, err = Do(context.Background(), p, strings.NewReader("once"))
	wantTypeError(t, err, "streamed request body")
}

func wantTypeError(t *testing.T, err error, about string) {
	t.Helper()
	var f *fault.Fault
	if !errors.As(err, &f) || f.Class != "TypeError" || !strings.Contains(f.Message, about) {
		t.Fatalf("%v", err)
	}
}

func TestResponsesWithoutABodySaySo(t *testing.T) {
	server := newServer(t)
	if head, _ := fetched(t, get(server.URL+"/empty"), ""); head.Status != 204 || head.HasBody {
		t.Fatalf("%+v", head)
	}
	p := get(server.URL + "/echo")
	p.Method = "HEAD"
	if head, _ := fetched(t, p, ""); head.HasBody {
		t.Fatalf("%+v", head)
	}
}

func TestAPortTakesEveryRequestToTheLoopback(t *testing.T) {
	server := newServer(t)
	own, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	port, _ := strconv.Atoi(own.Port())
	for _, target := range []string{"https://example.com/echo", "http://example.com:81/echo", "http://192.0.2.1/echo"} {
		p := get(target)
		p.Port = port
		head, body := fetched(t, p, "")
		there, _ := url.Parse(target)
		if head.URL != target || !strings.Contains(body, "host="+there.Host+" ") {
			t.Fatal(head, body)
		}
	}
	p := get("https://example.com/hop/2")
	p.Port = port
	if head, body := fetched(t, p, ""); head.URL != "https://example.com/hop/0" || body != "arrived" {
		t.Fatal(head, body)
	}
}

func TestWhatCannotBeFetchedSaysWhy(t *testing.T) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refusing := "http://" + listener.Addr().String() + "/"
	listener.Close()
	_, err = Do(context.Background(), get(refusing), nil)
	wantTypeError(t, err, "error sending request for url ("+refusing+"): Connection refused (os error 111)")
	for target, about := range map[string]string{
		"no url": "Invalid URL", "file:///etc/passwd": "Invalid URL", "ftp://a/b": "scheme 'ftp' not supported", "http://": "Invalid URL",
	} {
		_, err := Do(context.Background(), get(target), nil)
		wantTypeError(t, err, about)
	}
	for _, change := range []func(*contract.FetchParams){
		func(p *contract.FetchParams) { p.Method = "CONNECT" },
		func(p *contract.FetchParams) { p.Method = "A B" },
		func(p *contract.FetchParams) { p.Port = 70000 },
		func(p *contract.FetchParams) { p.Redirect = "error" },
		func(p *contract.FetchParams) { p.HasBody = true; p.Headers = [][2]string{{"content-length", "-1"}} },
		func(p *contract.FetchParams) { p.Headers = [][2]string{{"bad name", "x"}} },
	} {
		p := get(refusing)
		change(&p)
		_, err := Do(context.Background(), p, strings.NewReader(""))
		wantTypeError(t, err, "")
	}
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = Do(cancelled, get(refusing), nil)
	if f := fault.From(err); f.Name != "AbortError" {
		t.Fatalf("%+v", f)
	}
}

func FuzzRequest(f *testing.F) {
	f.Add("http://a/b?c#d", "GET", "x-a", "b")
	f.Add("https://[::1]:99999/", "M", "host", "\r\n")
	f.Fuzz(func(t *testing.T, target, method, name, value string) {
		p := contract.FetchParams{URL: target, Method: method, Redirect: "follow", Headers: [][2]string{{name, value}}}
		_, _ = newRequest(context.Background(), p, nil)
	})
}
