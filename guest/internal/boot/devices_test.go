package boot

import (
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

func TestStaticNodesAreThoseOfTheModulesList(t *testing.T) {
	const list = "# Device nodes to trigger on-demand module loading.\n" +
		"fuse fuse c10:229\ntun net/tun c10:200\nloop loop-control c10:237\nbtrfs btrfs-control b10:234\n" +
		"evil ../etc/passwd c1:3\nshort x\nwrong y q1:2\nwrong z c1\nwrong w c1:x\nwrong v c\n"
	want := []staticNode{
		{"fuse", unix.S_IFCHR, 10, 229}, {"net/tun", unix.S_IFCHR, 10, 200},
		{"loop-control", unix.S_IFCHR, 10, 237}, {"btrfs-control", unix.S_IFBLK, 10, 234},
	}
	if got := staticNodes(list); !slices.Equal(got, want) {
		t.Fatalf("%+v", got)
	}
}
