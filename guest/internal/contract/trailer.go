package contract

import (
	"encoding/base64"
	"encoding/json"
)

// FaultTrailer is the trailer of a stream that failed after its head: the error as JSON, in base64. A stream without it
// is complete.
const FaultTrailer = "Sandkeep-Fault"

// maxFaultBytes limits the JSON in the trailer: the host accepts 64 KiB of headers. A path of 4 KiB fits even if
// escaping makes it six times longer.
const maxFaultBytes = 32 * 1024

// EncodeFault encodes an error, in the form of the contract's GuestErrorObject, as the trailer's value.
func EncodeFault(fault any) string {
	text, err := json.Marshal(fault)
	if err != nil || len(text) > maxFaultBytes {
		text = []byte(`{"constructorName":"Error","message":"The operation failed, and its error is too long to be told"}`)
	}
	return base64.StdEncoding.EncodeToString(text)
}
