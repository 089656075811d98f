package pages

import (
	"encoding/json"
	"errors"
	"io"
)

// answer to an order: its result, or why it failed.
type answer struct {
	Result *Result `json:"result,omitempty"`
	Error  string  `json:"error,omitempty"`
}

// Serve executes orders from a stream of JSON and answers each with a line, until the stream ends. The first line it
// writes, `{}`, says that it is ready: starting takes longer than many a copy.
func Serve(orders io.Reader, answers io.Writer) error {
	encoder := json.NewEncoder(answers)
	if err := encoder.Encode(answer{}); err != nil {
		return err
	}
	decoder := json.NewDecoder(orders)
	for {
		var order Order
		if err := decoder.Decode(&order); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		var reply answer
		if result, err := Copy(order); err != nil {
			reply.Error = err.Error()
		} else {
			reply.Result = &result
		}
		if err := encoder.Encode(reply); err != nil {
			return err
		}
	}
}
