/** Median and 95th percentile, in the unit of the samples, and how many there were. */
export interface Summary {
  p50: number;
  p95: number;
  n: number;
}

/** The value below which a part of the samples lies, by the nearest rank. NaN without samples. */
export function percentile(samples: number[], part: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? NaN;
}

export function summarize(samples: number[]): Summary {
  return { p50: rounded(percentile(samples, 0.5)), p95: rounded(percentile(samples, 0.95)), n: samples.length };
}

/** Hundredths: more says nothing. */
export function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}
