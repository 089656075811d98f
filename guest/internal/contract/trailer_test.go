package contract

import (
	"encoding/base64"
	"strings"
	"testing"
)

func TestAFaultFitsIntoATrailerWhateverItSays(t *testing.T) {
	for _, message := range []string{"No such file", "naïve \x01 \n", strings.Repeat("\x01", 1<<20)} {
		text, err := base64.StdEncoding.DecodeString(EncodeFault(map[string]string{"message": message}))
		if err != nil || len(text) > maxFaultBytes || !strings.Contains(string(text), `"message":`) {
			t.Errorf("%d bytes of message: %d bytes, %v", len(message), len(text), err)
		}
	}
}
