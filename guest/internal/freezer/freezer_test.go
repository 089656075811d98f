package freezer

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// world is a machine's groups and processes, as files: the kernel's part is played by the test.
func world(t *testing.T) (*Freezer, func(group, file string) string) {
	t.Helper()
	root := t.TempDir()
	f := &Freezer{groups: filepath.Join(root, "cgroup"), processes: filepath.Join(root, "proc"), kernel: threads{}}
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

func TestAGroupIsFrozenWhateverItIsCalled(t *testing.T) {
	f, read := world(t)
	names := []string{".hidden", "...", "a b", "x.slice", strings.Repeat("long", 60)}
	// More than one read of the directory returns.
	for n := range 400 {
		names = append(names, "group"+strconv.Itoa(n))
	}
	for _, name := range names {
		path := filepath.Join(f.groups, name)
		_ = os.Mkdir(path, 0o755)
		_ = os.WriteFile(filepath.Join(path, "cgroup.freeze"), []byte("0\n"), 0o644)
		_ = os.WriteFile(filepath.Join(path, "cgroup.events"), []byte("populated 1\nfrozen 1\n"), 0o644)
	}
	if err := f.Freeze(); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if got := read(name, "cgroup.freeze"); got != "1" && got != "1\n0" {
			t.Errorf("%q runs on: %q", name, got)
		}
	}
}

func TestATemplateKnowsTheKernelsThreadsAndMovesNothing(t *testing.T) {
	f, read := world(t)
	if err := os.Remove(filepath.Join(f.groups, group, "cgroup.procs")); err != nil {
		t.Fatal(err)
	}
	// The descriptor is the kernel's own, so this needs a process that there is.
	pid := strconv.Itoa(os.Getppid())
	stat := filepath.Join(f.processes, pid, "stat")
	_ = os.MkdirAll(filepath.Dir(stat), 0o755)
	_ = os.WriteFile(stat, []byte(pid+" (kworker) S 2 0 0 0 0 "+strconv.Itoa(kernelThread)), 0o644)
	user := filepath.Join(f.processes, "40", "stat")
	_ = os.MkdirAll(filepath.Dir(user), 0o755)
	_ = os.WriteFile(user, []byte("40 (sh) S 1 0 0 0 0 0 0"), 0o644)
	_ = os.WriteFile(filepath.Join(f.groups, "cgroup.procs"), []byte(pid+"\n40\n"), 0o644)
	if err := f.Prepare(); err != nil {
		t.Fatal(err)
	}
	if _, known := f.kernel[os.Getppid()]; !known || len(f.kernel) != 1 {
		t.Errorf("known: %v", f.kernel)
	}
	if read(group, "cgroup.freeze") != "0" || f.Frozen() {
		t.Error("a group is frozen")
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

func TestAPidThatWasAKernelThreadsMayBeAUsersLater(t *testing.T) {
	f, read := world(t)
	// The descriptors are the kernel's own, so this needs a process that really ends.
	process := exec.Command("sleep", "1000")
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	pid := strconv.Itoa(process.Process.Pid)
	stat := filepath.Join(f.processes, pid, "stat")
	_ = os.MkdirAll(filepath.Dir(stat), 0o755)
	_ = os.WriteFile(stat, []byte(pid+" (kworker) S 2 0 0 0 0 "+strconv.Itoa(kernelThread)), 0o644)
	_ = os.WriteFile(filepath.Join(f.groups, "cgroup.procs"), []byte(pid+"\n"), 0o644)
	for range 2 {
		if found, err := f.collect(); err != nil || found != 0 {
			t.Fatalf("%d threads of the kernel were moved: %v", found, err)
		}
	}
	if len(f.kernel) != 1 {
		t.Fatal("it is asked about each time")
	}
	_ = process.Process.Kill()
	_ = process.Wait()
	_ = os.WriteFile(stat, []byte(pid+" (sh) S 1 0 0 0 0 0 0"), 0o644)
	if found, err := f.collect(); err != nil || found != 1 || read(group, "cgroup.procs") != pid {
		t.Errorf("%d processes were moved: %v", found, err)
	}
}

func TestGroupsThatComeMeanwhileAreFrozenToo(t *testing.T) {
	f, read := world(t)
	stat := filepath.Join(f.processes, "40", "stat")
	_ = os.MkdirAll(filepath.Dir(stat), 0o755)
	_ = os.WriteFile(stat, []byte("40 (sh) S 1 0 0 0 0 0 0"), 0o644)
	var ended atomic.Int32
	t.Cleanup(func() { ended.Store(1) })
	// A pipe, so that the test knows when the list is read: the groups that there were are frozen by then.
	list := filepath.Join(f.groups, "cgroup.procs")
	_ = os.Remove(list)
	if err := unix.Mkfifo(list, 0o644); err != nil {
		t.Fatal(err)
	}
	go func() {
		pipe, err := os.OpenFile(list, os.O_WRONLY, 0)
		if err != nil {
			return
		}
		late := filepath.Join(f.groups, "late")
		_ = os.Mkdir(late, 0o755)
		_ = os.WriteFile(filepath.Join(late, "cgroup.events"), []byte("populated 1\nfrozen 1\n"), 0o644)
		_ = os.WriteFile(filepath.Join(late, "cgroup.freeze"), []byte("0\n"), 0o644)
		_, _ = pipe.WriteString("40\n")
		pipe.Close()
		// From then on the list is empty.
		for ended.Load() == 0 {
			if pipe, err := os.OpenFile(list, os.O_WRONLY|unix.O_NONBLOCK, 0); err == nil {
				pipe.Close()
			}
			time.Sleep(time.Millisecond)
		}
	}()
	if err := f.Freeze(); err != nil {
		t.Fatal(err)
	}
	if got := read("late", "cgroup.freeze")[:1]; got != "1" {
		t.Errorf("a group that was made meanwhile runs on: %q", got)
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
