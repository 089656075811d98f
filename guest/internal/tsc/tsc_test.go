package tsc

import "testing"

func TestTwoMeasurementsAgree(t *testing.T) {
	first, second := FrequencyKHz(), FrequencyKHz()
	if first < 100_000 || first > 20_000_000 {
		t.Fatalf("%d kHz is not the frequency of a processor", first)
	}
	// One thousandth: such an error in a guest's clock would go unnoticed for minutes.
	if difference := max(first, second) - min(first, second); difference > first/1000 {
		t.Fatalf("measured %d kHz, then %d kHz", first, second)
	}
}
