package owner

import (
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// connected returns both ends of a connection within this process.
func connected(t *testing.T, network string) (source, target netip.AddrPort) {
	t.Helper()
	var address string
	if network == "udp" {
		conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		address = conn.LocalAddr().String()
	} else {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { listener.Close() })
		address = listener.Addr().String()
	}
	conn, err := net.Dial(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return netip.MustParseAddrPort(conn.LocalAddr().String()), netip.MustParseAddrPort(address)
}

func TestTheProcessBehindAConnectionIsFound(t *testing.T) {
	for network, protocol := range map[string]byte{"tcp": unix.IPPROTO_TCP, "udp": unix.IPPROTO_UDP} {
		source, target := connected(t, network)
		if _, ok := inode(protocol, source, target); !ok {
			t.Logf("%s: this kernel does not tell", network)
			continue
		}
		finder := New()
		finder.remember(os.Getpid()) // whatever else is running
		got := finder.Find(protocol, source, target)
		name, _ := os.ReadFile("/proc/self/comm")
		if pid, rest, _ := strings.Cut(got, " "); pid != strconv.Itoa(os.Getpid()) || rest != encode(strings.TrimSpace(string(name))) {
			t.Errorf("%s: %q", network, got)
		}
	}
}

func TestNobodyIsFoundBehindNothing(t *testing.T) {
	nowhere := netip.MustParseAddrPort("192.0.2.1:1")
	if got := New().Find(unix.IPPROTO_TCP, nowhere, nowhere); got != "" {
		t.Fatal(got)
	}
}

func TestNewestGivesTheHighestNumbersFirst(t *testing.T) {
	got := newest("/proc", 3)
	if len(got) != 3 || got[0] <= got[1] || got[1] <= got[2] {
		t.Fatal(got)
	}
	if got := newest("/nowhere", 3); got != nil {
		t.Fatal(got)
	}
}

func TestNamesAreEncoded(t *testing.T) {
	for name, want := range map[string]string{"node": "node", "kworker/0:1": "kworker/0:1", "a b%\n\xff": "a%20b%25%0A%FF"} {
		if got := encode(name); got != want {
			t.Errorf("%q: %q", name, got)
		}
	}
}

func FuzzAnswers(f *testing.F) {
	f.Add(make([]byte, 200), make([]byte, 40))
	f.Fuzz(func(t *testing.T, answer, entries []byte) {
		if number, ok := inodeIn(answer); ok && number == 0 {
			t.Fatal("no number")
		}
		appendNumbers(nil, entries)
	})
}
