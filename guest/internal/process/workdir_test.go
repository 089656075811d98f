package process

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"sandkeep.dev/guest/internal/contract"
	"sandkeep.dev/guest/internal/workdir"
)

func TestProcessesStartInTheDirectoryThatHasTheNameNow(t *testing.T) {
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	home, other := filepath.Join(root, "home"), filepath.Join(root, "other")
	workdir.Set(home)
	t.Cleanup(func() { workdir.Set("") })
	pwd := func(cwd string) string {
		t.Helper()
		outputs, _ := run(t, contract.SpawnParams{Command: "/bin/pwd", Args: []string{"-P"}, Cwd: cwd, Stdout: piped})
		return outputs[out]
	}
	fails := func(cwd, code, message string) {
		t.Helper()
		_, _, err := table.Spawn(context.Background(), contract.SpawnParams{Command: "true", Cwd: cwd})
		wantFault(t, err, "NotFound", code, message)
	}
	const remedy = "': make it a directory again, or name another"
	why := ": processes and relative paths start at '" + home + remedy
	fails("", "ENOENT", "Failed to spawn 'true': No such cwd '"+home+"'"+why)
	fails("sub", "ENOENT", "Failed to spawn 'true': No such cwd 'sub'"+why)
	fails(root+"/none", "ENOENT", "Failed to spawn 'true': No such cwd '"+root+"/none'")
	for range 2 { // created, then recreated
		mkdir(t, home, home+"/sub", other+"/sub")
		if pwd("") != home+"\n" || pwd("sub") != home+"/sub\n" || pwd("..") != root+"\n" || pwd("/") != "/\n" {
			t.Fatal(pwd(""), pwd("sub"), pwd(".."))
		}
		fails("none", "ENOENT", "Failed to spawn 'true': No such cwd 'none'")
		if err := os.RemoveAll(home); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(other, home); err != nil {
		t.Fatal(err)
	}
	if pwd("") != other+"\n" || pwd("sub") != other+"/sub\n" {
		t.Fatal(pwd(""), pwd("sub"))
	}
	if err := os.Remove(home); err != nil {
		t.Fatal(err)
	}
	script(t, root, "home", "", 0o755)
	fails("", "ENOTDIR", "Failed to spawn 'true': cwd is not a directory '"+home+"'"+why)
}

func mkdir(t *testing.T, directories ...string) {
	t.Helper()
	for _, directory := range directories {
		if err := os.MkdirAll(directory, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}
