// Package tsc measures the frequency of the processor's time stamp counter.
//
// An emulated guest sees the host's counter. Its kernel finds the frequency by counting against an emulated timer, which
// a loaded host makes impossible; so the host measures it outside and tells the kernel on its command line.
package tsc

import (
	"runtime"
	"time"
)

const (
	// window over which the counter is compared with the clock: long enough for an error of about a millionth.
	window = 100 * time.Millisecond
	// tries to read clock and counter at the same moment; the closest pair counts.
	tries = 32
)

func rdtsc() uint64

// FrequencyKHz measures how often the counter ticks in a millisecond. It takes a tenth of a second.
func FrequencyKHz() uint64 {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	epoch := time.Now()
	startTicks, startTime := reading(epoch)
	time.Sleep(window)
	endTicks, endTime := reading(epoch)
	return (endTicks - startTicks) * uint64(time.Millisecond) / uint64(endTime-startTime)
}

// reading gives the counter and the time since epoch at one moment: of several readings, the one least disturbed.
func reading(epoch time.Time) (ticks uint64, at time.Duration) {
	shortest := ^uint64(0)
	for range tries {
		before := rdtsc()
		now := time.Since(epoch)
		after := rdtsc()
		if after-before < shortest {
			shortest = after - before
			ticks, at = before+(after-before)/2, now
		}
	}
	return ticks, at
}
