/** Median and 95th percentile, in the unit of the samples, and the number of samples. */
export interface Summary {
  p50: number;
  p95: number;
  n: number;
}

/** A percentile by the nearest-rank method; `part` is 0.95 for the 95th. NaN without samples. */
export function percentile(samples: number[], part: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? NaN;
}

export function summarize(samples: number[]): Summary {
  return { p50: rounded(percentile(samples, 0.5)), p95: rounded(percentile(samples, 0.95)), n: samples.length };
}

/** To hundredths; more digits would say nothing. */
export function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}
