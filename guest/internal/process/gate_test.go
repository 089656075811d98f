package process

import (
	"context"
	"errors"
	"testing"
)

func TestAProcessStartsOnlyWhenItMayAgain(t *testing.T) {
	table.HoldStarts()
	t.Cleanup(table.AllowStarts)
	started := make(chan error, 1)
	go func() {
		p, sink, err := table.Spawn(context.Background(), shell("exit 0"))
		if err == nil {
			sink.Detach()
			<-p.done
		}
		started <- err
	}()
	// Requests that end while they wait start nothing: a copy of the machine finds its parent's in its memory.
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := table.Spawn(ctx, shell("exit 0")); !errors.Is(err, context.Canceled) {
		t.Fatalf("a request that has ended: %v", err)
	}
	select {
	case err := <-started:
		t.Fatalf("it did not wait: %v", err)
	default:
	}
	table.AllowStarts()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
}

func TestWhenStartsAreHeldNoneIsUnderWay(t *testing.T) {
	g := &Table{}
	if err := g.gate.enter(context.Background()); err != nil {
		t.Fatal(err)
	}
	held := make(chan struct{})
	go func() {
		g.HoldStarts()
		close(held)
	}()
	select {
	case <-held:
		t.Fatal("a process is still being started")
	default:
	}
	g.gate.leave()
	<-held
	g.HoldStarts()
	g.AllowStarts()
	if err := g.gate.enter(context.Background()); err != nil {
		t.Fatal(err)
	}
	g.gate.leave()
}
