package listen

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"golang.org/x/sys/unix"

	"sandkeep.dev/guest/internal/contract"
	"sandkeep.dev/guest/internal/fault"
)

func open(t *testing.T, table *Table, port int) contract.Listener {
	t.Helper()
	opened, err := table.Open(port)
	if err != nil {
		t.Fatal(err)
	}
	return opened
}

func connect(t *testing.T, port int) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp4", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func TestConnectionsAreAcceptedOneByOne(t *testing.T) {
	var table Table
	defer table.CloseAll()
	opened := open(t, &table, 0)
	for _, text := range []string{"one", "two"} {
		client := connect(t, opened.Port)
		conn, err := table.Accept(context.Background(), opened.Listener)
		if err != nil {
			t.Fatal(err)
		}
		if conn.RemoteAddr().String() != client.LocalAddr().String() {
			t.Fatal(conn.RemoteAddr())
		}
		_, _ = io.WriteString(conn, text)
		conn.Close()
		if got, _ := io.ReadAll(client); string(got) != text {
			t.Fatalf("%q", got)
		}
	}
}

func TestAWaitEndsWithItsContextAndTheListenerStays(t *testing.T) {
	var table Table
	defer table.CloseAll()
	opened := open(t, &table, 0)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := table.Accept(ctx, opened.Listener); err == nil {
		t.Fatal("accepted nobody")
	}
	connect(t, opened.Port)
	conn, err := table.Accept(context.Background(), opened.Listener)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
}

func TestAClosedListenerAcceptsNobody(t *testing.T) {
	var table Table
	opened := open(t, &table, 0)
	ended := make(chan error, 1)
	go func() {
		_, err := table.Accept(context.Background(), opened.Listener)
		ended <- err
	}()
	table.Close(opened.Listener)
	if <-ended == nil {
		t.Fatal("accepted somebody")
	}
	if _, err := net.Dial("tcp4", fmt.Sprintf("127.0.0.1:%d", opened.Port)); !errors.Is(err, unix.ECONNREFUSED) {
		t.Fatal(err)
	}
	if _, err := table.Accept(context.Background(), opened.Listener); fault.From(err).Class != "BadResource" {
		t.Fatal(err)
	}
	table.CloseAll()
	if _, err := table.Open(0); !errors.Is(err, unix.EMFILE) {
		t.Fatal(err)
	}
}

func TestAPortThatIsTakenOrIsNoneIsRefused(t *testing.T) {
	var table Table
	defer table.CloseAll()
	opened := open(t, &table, 0)
	if _, err := table.Open(opened.Port); fault.From(err).Code != "EADDRINUSE" {
		t.Fatal(err)
	}
	for _, port := range []int{-1, 65536} {
		if _, err := table.Open(port); fault.From(err).Class != "TypeError" {
			t.Fatal(err)
		}
	}
}
