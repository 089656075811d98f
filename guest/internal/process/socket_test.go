package process

import (
	"testing"

	"sandkeep.dev/guest/internal/contract"
)

func TestASocketTalksBothWaysAndEnds(t *testing.T) {
	// A shell cannot use an inherited socket.
	script := `
open(my $report, ">&=", 4); syswrite($report, "report");
open(my $socket, "+<&=", 3);
my $got = "";
while (sysread($socket, my $part, 100)) { $got .= $part }
syswrite($socket, uc $got);
`
	params := contract.SpawnParams{Command: "perl", Args: []string{"-e", script}, Socket: true, Stderr: piped}
	p, record, ended := spawn(t, params)
	send, _ := feed(t, p)
	record.await(t, channel, "report")
	send(contract.FrameToSocket, "one ")
	send(contract.FrameToSocket, "two")
	send(contract.FrameToSocket, "")
	outputs, exit := result(t, record, ended)
	if outputs[contract.FrameSocket] != "ONE TWO" || outputs[channel] != "report" || exit.Code != 0 {
		t.Fatalf("%q %+v", outputs, exit)
	}
}
