package process

import (
	"os"
	"syscall"
	"testing"

	"sandkeep.dev/guest/internal/contract"
)

func TestTheUserOwnsTheEndsOfItsProcess(t *testing.T) {
	user := &syscall.Credential{Uid: uint32(os.Getuid())}
	if user.Uid == 0 {
		user.Uid = 65534 // only root can change owners
	}
	for name, params := range map[string]contract.SpawnParams{
		"pipes":    {Stdin: piped, Stdout: piped, Stderr: piped, Channel: true},
		"socket":   {Socket: true},
		"terminal": {Pty: &contract.PtyParams{Cols: 80, Rows: 24}},
	} {
		c, err := connect(params, table.null)
		if err != nil {
			t.Fatal(name, err)
		}
		c.giveTo(user)
		for fd, file := range c.child {
			info, err := file.Stat()
			if err != nil {
				t.Fatal(name, err)
			}
			if owner := info.Sys().(*syscall.Stat_t).Uid; file != c.shared && owner != user.Uid {
				t.Errorf("%s: descriptor %d belongs to %d", name, fd, owner)
			}
		}
		c.closeChildEnds()
		c.closeOwnEnds()
	}
}
