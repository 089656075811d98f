package oom

import "testing"

func TestRecordsOfKills(t *testing.T) {
	for record, want := range map[string]int{
		"3,1234,567890,-;Out of memory: Killed process 812 (node) total-vm:1234kB, anon-rss:1kB, UID:1000": 812,
		"3,1234,567890,-;Memory cgroup out of memory: Killed process 7 (python3) total-vm:1kB":             7,
		"3,1,2,-,caller=T1;Out of memory: Killed process 99 (a;b)\n SUBSYSTEM=x":                           99,
		"11,1234,567890,-;Out of memory: Killed process 812 (node)":                                        0, // written by a user
		"6,1234,567890,-;oom-kill:constraint=CONSTRAINT_NONE,task=node,pid=812":                            0,
		"3,1234,567890,-;Out of memory: Killed process x":                                                  0,
		"3,1234,567890,-;Out of memory: Killed process 99999999999999999999":                               0,
		"3,1234;Out of memory: Killed process 812":                                                         0,
		"no record": 0,
		"":          0,
	} {
		kill, ok := ParseRecord([]byte(record))
		if ok != (want != 0) || kill.Pid != want {
			t.Errorf("%q: %+v %v", record, kill, ok)
		}
	}
}

func TestVerdicts(t *testing.T) {
	const start = 1_000_000
	w := &Watch{kmsg: -1, kills: []Kill{{Pid: 5, AtMicros: start + 500_000}}}
	for _, c := range []struct {
		pid     int
		started int64
		want    string
	}{{5, start, High}, {6, start, Low}, {6, start + 5_000_000, ""}, {5, start + 5_000_000, ""}} {
		if got := w.Verdict(c.pid, c.started); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
	var nothing *Watch
	if nothing.Verdict(5, 0) != "" {
		t.Error("a verdict out of nothing")
	}
}

func FuzzParseRecord(f *testing.F) {
	f.Add([]byte("3,1234,567890,-;Out of memory: Killed process 812 (node)"))
	f.Fuzz(func(t *testing.T, record []byte) {
		if kill, ok := ParseRecord(record); ok && kill.Pid <= 0 {
			t.Fatalf("%+v", kill)
		}
	})
}
