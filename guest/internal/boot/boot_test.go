package boot

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestModulesAreLoadedInTheOrderOfTheList(t *testing.T) {
	got := moduleNames("virtio_mmio.ko\n\n# comment\nvirtio_blk\n ../../tun.ko # why\n")
	if !slices.Equal(got, []string{"virtio_mmio.ko", "virtio_blk.ko", "tun.ko"}) {
		t.Fatal(got)
	}
}

const (
	passwd = "root:x:0:0:root:/root:/bin/bash\nbroken\napp:x:1001:1002:App,,,:/srv/app:/bin/bash\n"
	groups = "root:x:0:\nsudo:x:27:other,app\napp:x:1002:app\nodd:x:y:app\nwheel:x:10:apple\n"
)

func TestUserIsFoundWithItsGroups(t *testing.T) {
	user, ok := parseUser("app", passwd, groups)
	if !ok || user.UID != 1001 || user.GID != 1002 || user.Home != "/srv/app" || !slices.Equal(user.Groups, []uint32{1002, 27}) {
		t.Fatalf("%+v", user)
	}
	for _, name := range []string{"nobody-here", "broken", ""} {
		if user, ok := parseUser(name, passwd, groups); ok {
			t.Fatalf("%+v", user)
		}
	}
}

func FuzzParseUser(f *testing.F) {
	f.Add(passwd, groups)
	f.Fuzz(func(t *testing.T, passwd, groups string) {
		user, ok := parseUser("app", passwd, groups)
		if ok && (user.Home == "" || user.Home[0] != '/' || len(user.Groups) == 0) {
			t.Fatalf("%+v", user)
		}
	})
}

func TestPortsAreFoundByName(t *testing.T) {
	directory := t.TempDir()
	for port, name := range map[string]string{"vport1p1": "sandkeep.control\n", "vport1p2": "sandkeep.egress\n"} {
		if err := os.MkdirAll(filepath.Join(directory, port), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(directory, port, "name"), []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got := findPort(directory, "sandkeep.egress"); got != "/dev/vport1p2" {
		t.Fatal(got)
	}
	if got := findPort(directory, "other"); got != "" {
		t.Fatal(got)
	}
}
