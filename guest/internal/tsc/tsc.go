// Package tsc measures the frequency of the processor's time stamp counter.
//
// An emulated guest sees the host's counter. Its kernel calibrates the counter against an emulated timer, which fails
// on a loaded host; so the host measures the frequency itself and passes it on the kernel command line.
package tsc

import (
	"runtime"
	"time"
)

const (
	// window is how long the counter is compared with the clock: long enough for an error of about one millionth.
	window = 100 * time.Millisecond
	// tries is how often clock and counter are read together; the closest pair counts.
	tries = 32
)

func rdtsc() uint64

// FrequencyKHz measures the counter's frequency in ticks per millisecond. It takes a tenth of a second.
func FrequencyKHz() uint64 {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	epoch := time.Now()
	startTicks, startTime := reading(epoch)
	time.Sleep(window)
	endTicks, endTime := reading(epoch)
	return (endTicks - startTicks) * uint64(time.Millisecond) / uint64(endTime-startTime)
}

// reading returns the counter and the time since epoch at the same moment: the least disturbed of several readings.
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
