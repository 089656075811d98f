package freezer

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// world is a machine's groups and processes, as files: the kernel's part is played by the test.
func world(t *testing.T) (*Freezer, func(group, file string) string) {
	t.Helper()
	root := t.TempDir()
	f := &Freezer{groups: filepath.Join(root, "cgroup"), processes: filepath.Join(root, "proc"), kernel: map[int]bool{}}
	put := func(path, content string) {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{group, "docker", "paused"} {
		put(filepath.Join(f.groups, name, "cgroup.freeze"), "0\n")
		put(filepath.Join(f.groups, name, "cgroup.events"), "populated 1\nfrozen 1\n")
		put(filepath.Join(f.groups, name, "cgroup.procs"), "")
	}
	put(filepath.Join(f.groups, "paused", "cgroup.freeze"), "1\n")
	put(filepath.Join(f.groups, "cgroup.procs"), "2\n40\n41\n"+strconv.Itoa(os.Getpid())+"\n")
	stat := func(pid, state string, flags int) {
		put(filepath.Join(f.processes, pid, "stat"), pid+" (a) b)) "+state+" 0 0 0 0 0 "+strconv.Itoa(flags)+" 0 0")
	}
	stat("2", "S", kernelThread|0x40)
	stat("41", "Z", 0)
	return f, func(group, file string) string {
		content, err := os.ReadFile(filepath.Join(f.groups, group, file))
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(content))
	}
}

func TestGroupsAreFrozenAndThawedExceptThoseThatTheirOwnerFroze(t *testing.T) {
	f, read := world(t)
	if err := f.Freeze(); err != nil {
		t.Fatal(err)
	}
	if read(group, "cgroup.freeze") != "1" || read("docker", "cgroup.freeze") != "1" || !f.Frozen() {
		t.Error("a group runs on")
	}
	if err := f.Thaw(); err != nil {
		t.Fatal(err)
	}
	got := []string{read(group, "cgroup.freeze")[:1], read("docker", "cgroup.freeze")[:1], read("paused", "cgroup.freeze")[:1]}
	if strings.Join(got, "") != "001" || f.Frozen() {
		t.Errorf("after the thaw: %v", got)
	}
}

func TestProcessesWithoutAGroupGetOurs(t *testing.T) {
	f, read := world(t)
	stat := filepath.Join(f.processes, "40", "stat")
	_ = os.MkdirAll(filepath.Dir(stat), 0o755)
	_ = os.WriteFile(stat, []byte("40 (sh) S 1 0 0 0 0 0 0"), 0o644)
	found, err := f.collect()
	if err != nil || found != 1 {
		t.Fatalf("%d processes: %v", found, err)
	}
	if got := read(group, "cgroup.procs"); got != "40" {
		t.Errorf("moved: %q, not only the user's living process", got)
	}
}

func TestWhatCannotBeStoppedLeavesEverythingRunning(t *testing.T) {
	f, read := world(t)
	// A process that never leaves the root group.
	stat := filepath.Join(f.processes, "40", "stat")
	_ = os.MkdirAll(filepath.Dir(stat), 0o755)
	_ = os.WriteFile(stat, []byte("40 (sh) S 1 0 0 0 0 0 0"), 0o644)
	if err := f.Freeze(); err == nil {
		t.Fatal("it says that everything has stopped")
	}
	if read("docker", "cgroup.freeze")[:1] != "0" || f.Frozen() {
		t.Error("something is still frozen")
	}
}
