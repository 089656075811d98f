package files

import (
	"path/filepath"
	"testing"

	"sandkeep.dev/guest/internal/contract"
)

func TestOpenRefusesOptionsThatMakeNoSense(t *testing.T) {
	file := write(t, filepath.Join(t.TempDir(), "file"), "")
	for _, p := range []contract.OpenParams{
		{},
		{Read: true, Create: true},
		{Read: true, Truncate: true},
		{Append: true, Truncate: true},
	} {
		p.Path = file
		_, err := Open(p)
		wantFault(t, err, "TypeError", "EINVAL")
	}
}

func TestOpenCreatesOnlyWhatIsNew(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	_, err := Open(contract.OpenParams{Path: file, Write: true})
	wantFault(t, err, "NotFound", "ENOENT")
	opened, err := Open(contract.OpenParams{Path: file, Write: true, CreateNew: true})
	must(t, err)
	opened.Close()
	_, err = Open(contract.OpenParams{Path: file, Write: true, CreateNew: true})
	wantFault(t, err, "AlreadyExists", "EEXIST")
}
