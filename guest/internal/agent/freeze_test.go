package agent

import (
	"errors"
	"testing"
	"time"
)

type fakeFreezer struct {
	frozen  bool
	refuses bool
	thawed  chan struct{}
}

func (f *fakeFreezer) Freeze() error {
	if f.refuses {
		return errors.New("a process does not stop")
	}
	f.frozen = true
	return nil
}
func (f *fakeFreezer) Prepare() error { return nil }
func (f *fakeFreezer) Frozen() bool   { return f.frozen }
func (f *fakeFreezer) Thaw() error {
	if !f.frozen {
		return errors.New("not frozen")
	}
	f.frozen = false
	f.thawed <- struct{}{}
	return nil
}

type fakeStarter struct{ held bool }

func (s *fakeStarter) HoldStarts()  { s.held = true }
func (s *fakeStarter) AllowStarts() { s.held = false }

func newFreeze() (*Freeze, *fakeFreezer) {
	freezer := &fakeFreezer{thawed: make(chan struct{}, 1)}
	return &Freeze{Freezer: freezer, Starts: &fakeStarter{}, HostPresent: func() bool { return true }}, freezer
}

func TestProcessesGoOnWhenTheHostNeverSaysSo(t *testing.T) {
	f, freezer := newFreeze()
	if err := f.begin(time.Millisecond); err != nil {
		t.Fatal(err)
	}
	<-freezer.thawed
}

func TestANewConnectionLeavesTheThawToTheHost(t *testing.T) {
	f, freezer := newFreeze()
	if err := f.begin(50 * time.Millisecond); err != nil {
		t.Fatal(err)
	}
	f.hold()
	select {
	case <-freezer.thawed:
		t.Fatal("processes of a copy run before it has its identity")
	case <-time.After(200 * time.Millisecond):
	}
	if err := f.end(); err != nil || freezer.frozen {
		t.Errorf("the host's thaw: %v", err)
	}
}

func TestProcessesOfACopyThatNobodyHasConnectedToStayStopped(t *testing.T) {
	f, freezer := newFreeze()
	asked := make(chan struct{})
	f.HostPresent = func() bool {
		close(asked)
		return false
	}
	if err := f.begin(time.Millisecond); err != nil {
		t.Fatal(err)
	}
	<-asked
	select {
	case <-freezer.thawed:
		t.Fatal("they run as their parent's")
	case <-time.After(100 * time.Millisecond):
	}
	if err := f.end(); err != nil || freezer.frozen {
		t.Errorf("the next host's thaw: %v", err)
	}
}

func TestNothingStartsWhileProcessesAreStopped(t *testing.T) {
	f, freezer := newFreeze()
	starts := f.Starts.(*fakeStarter)
	if err := f.begin(time.Minute); err != nil || !starts.held {
		t.Fatalf("processes may start: %v", err)
	}
	f.hold()
	if !starts.held {
		t.Error("a copy may start processes before it has its identity")
	}
	if err := f.end(); err != nil || starts.held {
		t.Errorf("no process may start any more: %v", err)
	}
	freezer.refuses = true
	if err := f.begin(time.Minute); err == nil || starts.held {
		t.Errorf("after a freeze that failed: %v", err)
	}
}

func TestATimeThatMakesNoSenseIsRefused(t *testing.T) {
	f, freezer := newFreeze()
	for _, after := range []time.Duration{0, -time.Second, time.Hour} {
		if f.begin(after) == nil || freezer.frozen {
			t.Errorf("frozen for %s", after)
		}
	}
	if (&Freeze{}).begin(time.Second) == nil {
		t.Error("an agent without power over the machine says it has stopped everything")
	}
}
