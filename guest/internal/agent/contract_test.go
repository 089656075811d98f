package agent

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sandkeep.dev/guest/internal/contract"
	"sandkeep.dev/guest/internal/handles"
)

// hostContract is the other side's description of what the agent does; hello says how a connection begins.
const (
	hostContract = "../../../packages/host/src/guest/contract.ts"
	hello        = "../../../packages/serial/src/hello.ts"
)

// methodsOf lists the methods of one of the contract's interfaces.
func methodsOf(t *testing.T, text, name string) (methods []string) {
	t.Helper()
	_, body, ok := strings.Cut(text, "export interface "+name+" {")
	if !ok {
		t.Fatalf("no %s", name)
	}
	body, _, _ = strings.Cut(body, "\n}\n")
	for _, match := range regexp.MustCompile(`(?m)^  (\w+): \[`).FindAllStringSubmatch(body, -1) {
		methods = append(methods, match[1])
	}
	slices.Sort(methods)
	return methods
}

func TestEveryMethodOfTheContractIsThereAndNoOther(t *testing.T) {
	text, err := os.ReadFile(hostContract)
	if err != nil {
		t.Fatal(err)
	}
	calls, streams := shared.registry(new(handles.Table)).Methods()
	if want := methodsOf(t, string(text), "GuestCalls"); !slices.Equal(calls, want) {
		t.Errorf("calls: %v instead of %v", calls, want)
	}
	if want := methodsOf(t, string(text), "GuestStreams"); !slices.Equal(streams, want) {
		t.Errorf("streams: %v instead of %v", streams, want)
	}
	for file, lines := range map[string][]string{
		hostContract: {`control: "` + contract.ControlPort + `"`, `egress: "` + contract.EgressPort + `"`},
		hello:        {`HELLO_MAGIC = "` + contract.HelloMagic + `"`, `READY_MAGIC = "` + contract.ReadyMagic + `"`},
	} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range lines {
			if !strings.Contains(string(text), line) {
				t.Errorf("no %s in %s", line, file)
			}
		}
	}
}

// FuzzParams decodes any bytes as the params of every method.
func FuzzParams(f *testing.F) {
	registry := shared.registry(new(handles.Table))
	calls, streams := registry.Methods()
	methods := append(calls, streams...)
	for _, params := range []string{
		`{}`, `null`, `[]`, `{"path":"a","recursive":true,"mode":420}`, `{"handle":1,"offset":"-1","whence":2}`,
		`{"command":"x","args":["a"],"env":{"A":"b"},"pty":{"cols":80,"rows":24}}`, `{"url":"http://a","headers":[["a","b"]]}`,
		`{"glob":"*","exclude":["a"],"match":[{"source":"a","flags":"g"}],"maxDepth":1.5}`, `{"mode":-1}`, `{"headers":[["a"]]}`,
		`{"unixTimeNs":"1","entropy":"AAAA","env":{}}`, `{"path":"\ud800"}`, `{"length":1e400}`,
	} {
		f.Add([]byte(params))
	}
	f.Fuzz(func(t *testing.T, params []byte) {
		for _, method := range methods {
			_ = registry.Check(method, params)
		}
	})
}
