package boot

import (
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// settings of the kernel. A setting that a kernel lacks is skipped.
var settings = []struct{ path, value, why string }{
	{"/sys/kernel/mm/transparent_hugepage/enabled", "never", "a clone's memory is private by the page; 2 MiB pages would copy 512 at a time, and their daemon wakes every 10 s"},
	{"/proc/sys/kernel/watchdog", "0", "it wakes every processor every 4 s, in every idle clone"},
	{"/proc/sys/vm/stat_interval", "120", "statistics otherwise wake every processor every second"},
	{"/proc/sys/vm/compaction_proactiveness", "0", "its daemon looks twice a second whether there is something to do"},
	{"/proc/sys/vm/dirty_writeback_centisecs", "1500", "fewer wake-ups to write what only this machine will ever read"},
	{"/proc/sys/net/ipv4/ping_group_range", "0 2147483647", "ping without privileges"},
	{"/proc/sys/kernel/pid_max", "4194304", "as in systemd's settings, like the next one"},
	{"/proc/sys/vm/max_map_count", "1048576", "search engines and databases refuse to start with the kernel's own"},
	{"/proc/sys/fs/inotify/max_user_watches", "524288", "development servers and editors watch whole trees; the kernel's own follows the memory"},
	{"/proc/sys/fs/inotify/max_user_instances", "1024", "likewise"},
}

// Open files of the agent and of the processes it starts: soft and hard limit. The soft limit is low because some old
// programs close every descriptor up to it.
const (
	softOpenFiles = 16 * 1024
	hardOpenFiles = 512 * 1024
)

// fairServers are switches available only in debugfs. The deadline server, which keeps ordinary processes from
// starving, wakes every processor every second. Nothing in a sandbox has real-time priority unless its user asks for
// it.
const fairServers = "sched/fair_server/cpu*/runtime"

func tune() {
	for _, s := range settings {
		_ = os.WriteFile(s.path, []byte(s.value), 0)
	}
	stopFairServers()
	// Use package syscall: otherwise it restores the old limits in children.
	_ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: softOpenFiles, Max: hardOpenFiles})
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_CAD_OFF)
}

// stopFairServers mounts debugfs only while it sets the switches.
func stopFairServers() {
	const debug = "/sys/kernel/debug"
	if unix.Mount("debugfs", debug, "debugfs", 0, "") != nil {
		return
	}
	switches, _ := filepath.Glob(filepath.Join(debug, fairServers))
	for _, path := range switches {
		_ = os.WriteFile(path, []byte("0"), 0)
	}
	_ = unix.Unmount(debug, 0)
}
