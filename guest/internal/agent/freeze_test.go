package agent

import (
	"errors"
	"testing"
	"time"
)

type fakeFreezer struct {
	frozen bool
	thawed chan struct{}
}

func (f *fakeFreezer) Freeze() error { f.frozen = true; return nil }
func (f *fakeFreezer) Frozen() bool  { return f.frozen }
func (f *fakeFreezer) Thaw() error {
	if !f.frozen {
		return errors.New("not frozen")
	}
	f.frozen = false
	f.thawed <- struct{}{}
	return nil
}

func newFreeze() (*Freeze, *fakeFreezer) {
	freezer := &fakeFreezer{thawed: make(chan struct{}, 1)}
	return &Freeze{Freezer: freezer}, freezer
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
