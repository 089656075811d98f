package walk

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"sandkeep.dev/guest/internal/contract"
	"sandkeep.dev/guest/internal/workdir"
)

func TestWalksStartAtTheDirectoryThatHasTheNameNow(t *testing.T) {
	before, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	home := filepath.Join(t.TempDir(), "home")
	workdir.Set(home)
	t.Cleanup(func() { workdir.Set(""); _ = os.Chdir(before) })
	count := func() (walked, expanded int, err error) {
		walkErr := Walk(context.Background(), contract.WalkParams{Path: "."}, func(contract.WalkEntry) error { walked++; return nil })
		err = ExpandGlob(context.Background(), contract.GlobParams{Glob: "*"}, func(contract.WalkEntry) error { expanded++; return nil })
		if walkErr == nil != (err == nil) {
			t.Fatal(walkErr, err)
		}
		return walked, expanded, err
	}
	for range 2 {
		if _, _, err := count(); err == nil {
			t.Fatal("there is nothing to walk")
		}
		for _, name := range []string{"a", "b"} {
			if err := os.MkdirAll(filepath.Join(home, name), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if walked, expanded, err := count(); walked != 3 || expanded != 2 || err != nil {
			t.Fatal(walked, expanded, err)
		}
		if err := os.RemoveAll(home); err != nil {
			t.Fatal(err)
		}
	}
}
