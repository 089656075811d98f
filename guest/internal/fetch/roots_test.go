package fetch

import (
	"context"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"sandkeep.dev/guest/internal/contract"
)

func TestAnAuthorityAddedLaterIsTrusted(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Header.Get("Authorization"))
	}))
	defer server.Close()
	defer func(path string) { trusted.path = path }(trusted.path)
	trusted.path = filepath.Join(t.TempDir(), "bundle")
	if err := os.WriteFile(trusted.path, []byte("nobody\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	p := contract.FetchParams{URL: server.URL, Method: "GET", Redirect: "follow", Headers: [][2]string{{"authorization", "Bearer DENO_SECRET_PLACEHOLDER_0"}}}
	if _, err := Do(context.Background(), p, nil); err == nil {
		t.Fatal("a stranger is trusted")
	}
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(trusted.path, append([]byte("nobody\n"), authority...), 0o644); err != nil {
		t.Fatal(err)
	}
	response, err := Do(context.Background(), p, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if all, err := io.ReadAll(response.Body); err != nil || string(all) != "Bearer DENO_SECRET_PLACEHOLDER_0" {
		t.Fatalf("%q %v", all, err)
	}
}
