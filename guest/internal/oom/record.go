// Package oom detects processes killed by the kernel's out-of-memory killer.
package oom

import (
	"bytes"
	"strconv"
)

// Kill is one process that the kernel killed.
type Kill struct {
	Pid int
	// AtMicros is the time in microseconds since boot.
	AtMicros int64
}

var killed = []byte("illed process ")

// ParseRecord parses one record of /dev/kmsg: "<priority and facility>,<sequence>,<microseconds>,<flags>;<message>". It
// returns true only if the kernel itself reports an OOM kill; anyone else who logs the same words has another facility.
func ParseRecord(record []byte) (Kill, bool) {
	head, message, ok := bytes.Cut(record, []byte(";"))
	if !ok {
		return Kill{}, false
	}
	fields := bytes.SplitN(head, []byte(","), 4)
	if len(fields) < 3 {
		return Kill{}, false
	}
	const facilityShift = 3
	priority, err := strconv.ParseUint(string(fields[0]), 10, 32)
	if err != nil || priority>>facilityShift != 0 {
		return Kill{}, false
	}
	micros, err := strconv.ParseInt(string(fields[2]), 10, 64)
	if err != nil {
		return Kill{}, false
	}
	// "Out of memory: Killed process 812 (node) total-vm:…", "Memory cgroup out of memory: Killed process …".
	if !bytes.Contains(message, []byte("ut of memory")) {
		return Kill{}, false
	}
	at := bytes.Index(message, killed)
	if at < 0 {
		return Kill{}, false
	}
	digits := message[at+len(killed):]
	end := 0
	for end < len(digits) && digits[end] >= '0' && digits[end] <= '9' {
		end++
	}
	pid, err := strconv.ParseInt(string(digits[:end]), 10, 32)
	if err != nil || pid <= 0 {
		return Kill{}, false
	}
	return Kill{Pid: int(pid), AtMicros: micros}, true
}
