package rpc

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"sandkeep.dev/guest/internal/contract"
	"sandkeep.dev/guest/internal/fault"
)

type number struct {
	N int `json:"n"`
}

func newTestRegistry() *Registry {
	r := NewRegistry()
	Call(r, "double", func(_ context.Context, p number) (number, error) { return number{2 * p.N}, nil })
	Call(r, "void", func(context.Context, contract.None) (Null, error) { return nil, nil })
	Call(r, "fail", func(context.Context, contract.None) (Null, error) { return nil, fault.TypeError("<no>") })
	Call(r, "panic", func(context.Context, contract.None) (Null, error) { panic("oops") })
	Call(r, "huge", func(context.Context, contract.None) (string, error) {
		return strings.Repeat("x", contract.MaxCallBytes), nil
	})
	Call(r, "unwritable", func(context.Context, contract.None) (func(), error) { return func() {}, nil })
	Stream(r, "echo", func(x *Exchange, p number) error {
		if err := x.Head(p); err != nil {
			return err
		}
		_, err := io.Copy(x, x)
		return err
	})
	Stream(r, "long", func(x *Exchange, p number) error {
		if p.N == 0 {
			return fault.TypeError("%s", strings.Repeat("x", contract.MaxHeadBytes))
		}
		return x.Head(strings.Repeat("x", contract.MaxHeadBytes))
	})
	Stream(r, "refuse", func(*Exchange, contract.None) error { return fault.TypeError("no") })
	Stream(r, "break", func(x *Exchange, _ contract.None) error {
		_ = x.Head(nil)
		return errors.New("after the head")
	})
	Stream(r, "panic", func(*Exchange, contract.None) error { panic("oops") })
	return r
}

func post(path, body string) *httptest.ResponseRecorder {
	recorder := httptest.NewRecorder()
	request := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	newTestRegistry().ServeHTTP(recorder, request)
	return recorder
}

func TestCallsAnswerWithAnOutcome(t *testing.T) {
	for _, c := range [][3]string{
		{"double", `{"n":4}`, `{"ok":{"n":8}}`},
		{"double", `{"n":null,"other":1}`, `{"ok":{"n":0}}`},
		{"void", `{}`, `{"ok":null}`},
		{"void", `null`, `{"ok":null}`},
		{"fail", `{}`, `{"error":{"constructorName":"TypeError","message":"<no>"}}`},
		{"double", `{"n":"4"}`, `{"error":{"constructorName":"TypeError","message":"Invalid params: `},
		{"double", `{`, `{"error":{"constructorName":"TypeError","message":"Invalid params: `},
		{"double", ``, `{"error":{"constructorName":"TypeError","message":"Invalid params: `},
		{"none", `{}`, `{"error":{"constructorName":"NotSupported","message":"Unknown call: none"}}`},
		{"panic", `{}`, `{"error":{"constructorName":"Error","message":"Internal error of the guest agent in panic: oops"}}`},
		{"huge", `{}`, `{"error":{"constructorName":"Error","message":"The result of huge is longer than 16777216 bytes","code":"E2BIG"}}`},
		{"unwritable", `{}`, `{"error":{"constructorName":"Error",`},
	} {
		got := post("/call/"+c[0], c[1])
		if got.Code != http.StatusOK || !strings.HasPrefix(got.Body.String(), c[2]) {
			t.Errorf("%s(%s): %d %.200s", c[0], c[1], got.Code, got.Body)
		}
	}
	if got := post("/elsewhere", ""); got.Code != http.StatusNotFound {
		t.Error(got.Code)
	}
}

func prefixed(params, rest string) string {
	return string(contract.AppendPrefix(nil, []byte(params))) + rest
}

func TestStreamsAnswerWithAHeadAndBytes(t *testing.T) {
	for _, c := range [][4]string{
		{"echo", prefixed(`{"n":1}`, "bytes"), `{"ok":{"n":1}}`, "bytes"},
		{"echo", prefixed(`[]`, ""), `{"error":{"constructorName":"TypeError","message":"Invalid params: `, ""},
		{"echo", "\x00\x00", `{"error":{"constructorName":"TypeError","message":"Invalid params: `, ""},
		{"echo", "\xff\xff\xff\xff", `{"error":{"constructorName":"TypeError","message":"Invalid params: `, ""},
		{"long", prefixed(`{"n":0}`, ""), `{"error":{"constructorName":"Error","message":"The answer is longer than 65536 bytes","code":"E2BIG"}}`, ""},
		{"long", prefixed(`{"n":1}`, ""), `{"error":{"constructorName":"Error","message":"The answer is longer than 65536 bytes","code":"E2BIG"}}`, ""},
		{"refuse", prefixed(`{}`, ""), `{"error":{"constructorName":"TypeError","message":"no"}}`, ""},
		{"panic", prefixed(`{}`, ""), `{"error":{"constructorName":"Error","message":"Internal error`, ""},
		{"none", prefixed(`{}`, ""), `{"error":{"constructorName":"NotSupported","message":"Unknown stream: none"}}`, ""},
	} {
		body := post("/stream/"+c[0], c[1]).Body
		head, err := contract.ReadPrefix(body)
		if err != nil || !bytes.HasPrefix(head, []byte(c[2])) || body.String() != c[3] {
			t.Errorf("%s(%q): %s, %q, %v", c[0], c[1], head, body, err)
		}
	}
}

func TestAnErrorAfterTheHeadFollowsAsATrailer(t *testing.T) {
	answer := post("/stream/break", prefixed(`{}`, ""))
	raw, err := base64.StdEncoding.DecodeString(answer.Result().Trailer.Get(contract.FaultTrailer))
	if err != nil || !strings.Contains(string(raw), `"constructorName":"Error"`) {
		t.Fatalf("the stream ended as if all were well: %q, %v", raw, err)
	}
	if whole := post("/stream/echo", prefixed(`{"n":1}`, "bytes")).Result().Trailer.Get(contract.FaultTrailer); whole != "" {
		t.Fatalf("a stream that ended well has a fault: %q", whole)
	}
}
