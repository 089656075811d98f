package contract

import (
	"encoding/base64"
	"encoding/json"
)

// FaultTrailer is the trailer of a stream that failed after its head: the error as JSON, in base64. Without it the stream is
// whole.
const FaultTrailer = "Sandkeep-Fault"

// maxFaultBytes bounds the JSON in the trailer: the host takes 64 KiB of headers. A path of 4 KiB fits six times escaped.
const maxFaultBytes = 32 * 1024

// EncodeFault makes the trailer's value of an error in the form of the contract's GuestErrorObject.
func EncodeFault(fault any) string {
	text, err := json.Marshal(fault)
	if err != nil || len(text) > maxFaultBytes {
		text = []byte(`{"constructorName":"Error","message":"The operation failed, and its error is too long to be told"}`)
	}
	return base64.StdEncoding.EncodeToString(text)
}
