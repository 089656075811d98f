package agent

import (
	"flag"
	"os"
	"testing"

	"sandkeep.dev/guest/internal/contract"
	"sandkeep.dev/guest/internal/fault"
)

var update = flag.Bool("update", false, "write testdata/*.ts anew")

// The agent's contract as TypeScript. The type check of scripts/agreements/guest.test.ts compares it with the host's
// contract.
func TestContractInTypeScriptIsUpToDate(t *testing.T) {
	for golden, text := range map[string]string{
		"testdata/contract.ts":  contractAsTypeScript(shared.registry().Methods()),
		"testdata/constants.ts": constantsAsTypeScript(),
	} {
		if *update {
			if err := os.WriteFile(golden, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		old, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if string(old) != text {
			t.Errorf("%s has changed: run `go test ./internal/agent -run Contract -update` in guest/", golden)
		}
	}
}

// heads of the streams that send one; the other streams send null.
var heads = map[string]any{
	"readFile":  contract.FileSize{},
	"fileWrite": contract.Written{},
	"writeTree": contract.TreeWritten{},
	"spawn":     contract.Pid{},
	"attach":    contract.Pid{},
	"fetch":     contract.FetchHead{},
	"listen":    contract.Listener{},
	"accept":    contract.Peer{},
}

// within are messages embedded in stream bytes and in errors.
var within = []any{contract.ExitStatus{}, contract.WalkEntry{}, fault.Fault{}}

var constants = []struct {
	name  string
	value any
}{
	{"PROTOCOL", contract.Protocol},
	{"HELLO_MAGIC", contract.HelloMagic},
	{"READY_MAGIC", contract.ReadyMagic},
	{"NONCE_BYTES", contract.NonceBytes},
	{"CONTROL_PORT", contract.ControlPort},
	{"EGRESS_PORT", contract.EgressPort},
	{"MAX_CALL_BYTES", contract.MaxCallBytes},
	{"MAX_HEAD_BYTES", contract.MaxHeadBytes},
	{"MAX_FRAME_BYTES", contract.MaxFrameBytes},
	{"FAULT_TRAILER", contract.FaultTrailer},
	{"UDP_PATH", contract.UDPPath},
	{"ERRNO_HEADER", contract.ErrnoHeader},
	{"PROCESS_HEADER", contract.ProcessHeader},
	{"MAX_DATAGRAM_BYTES", contract.MaxDatagramBytes},
	{"GUEST_ADDRESS_V4", contract.GuestAddressV4},
	{"GUEST_ADDRESS_V6", contract.GuestAddressV6},
	{"FRAME_STDOUT", contract.FrameStdout},
	{"FRAME_STDERR", contract.FrameStderr},
	{"FRAME_CHANNEL", contract.FrameChannel},
	{"FRAME_EXIT", contract.FrameExit},
	{"FRAME_SOCKET", contract.FrameSocket},
	{"FRAME_STDIN", contract.FrameStdin},
	{"FRAME_TO_CHANNEL", contract.FrameToChannel},
	{"FRAME_TO_SOCKET", contract.FrameToSocket},
}

// FuzzParams decodes arbitrary bytes as the params of every method.
func FuzzParams(f *testing.F) {
	registry := shared.registry()
	methods := registry.Methods()
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
			_ = registry.Check(method.Name, params)
		}
	})
}
