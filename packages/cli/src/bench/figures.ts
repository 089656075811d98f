import type { Summary } from "./statistics.ts";

/** What `sandkeep bench` measures; times in milliseconds. docs/performance.md says how each is taken. */
export interface Figures {
  create: Summary;
  tti_echo: Summary;
  tti_node_version: Summary;
  exec_true: Summary;
  rpc_stat: Summary;
  kill: Summary;
  upload_MBps: number;
  download_MBps: number;
  burst20: { ok: number; p50: number; p95: number };
  density50: { ok: number; memory_MB_each: number | null; idle_cpu_percent_each: number | null };
  machine: Machine;
}

/** Where the figures were taken. */
export interface Machine {
  cores: number;
  memory_MiB: number;
  cpu: string;
  acceleration: { kind: string; reason: string };
  versions: Record<string, string>;
  date: string;
}

/** One line of the table. */
export interface Row {
  figure: string;
  value: string;
  goal: string;
  /** Undefined when there is nothing to compare. */
  reached: boolean | undefined;
}

const ms = (value: number) => value.toFixed(value < 10 ? 2 : 0);

/** The table, for the figures that were taken, each beside its goal (2 cores, emulation). */
export function rowsOf(figures: Partial<Figures>): Row[] {
  const rows: Row[] = [];
  const time = (key: "create" | "tti_echo" | "tti_node_version" | "exec_true" | "rpc_stat" | "kill", p50: number, p95?: number) => {
    const summary = figures[key];
    if (!summary) return;
    rows.push({
      figure: `${key} p50 / p95 (n=${summary.n})`,
      value: `${ms(summary.p50)} / ${ms(summary.p95)} ms`,
      goal: p95 === undefined ? `≤ ${p50} ms` : `≤ ${p50} / ${p95} ms`,
      reached: summary.p50 <= p50 && (p95 === undefined || summary.p95 <= p95),
    });
  };
  time("create", 25, 80);
  time("tti_echo", 80);
  time("tti_node_version", 250);
  time("exec_true", 60);
  time("rpc_stat", 4);
  time("kill", 100);
  for (const key of ["upload_MBps", "download_MBps"] as const) {
    const value = figures[key];
    if (value !== undefined) rows.push({ figure: key, value: `${value.toFixed(1)} MB/s`, goal: "≥ 20 MB/s", reached: value >= 20 });
  }
  const { burst20, density50 } = figures;
  if (burst20) {
    rows.push({ figure: "burst20 ok", value: `${burst20.ok} of 20`, goal: "20 of 20", reached: burst20.ok === 20 });
    rows.push({ figure: "burst20 p50 / p95", value: `${ms(burst20.p50)} / ${ms(burst20.p95)} ms`, goal: "p95 ≤ 1500 ms", reached: burst20.p95 <= 1_500 });
  }
  if (density50) {
    const { ok, memory_MB_each: memory, idle_cpu_percent_each: cpu } = density50;
    rows.push({ figure: "density50 ok", value: `${ok} of 50`, goal: "50 of 50", reached: ok === 50 });
    rows.push({ figure: "density50 memory", value: memory === null ? "–" : `${memory.toFixed(1)} MB each`, goal: "≤ 55 MB each", reached: memory === null ? undefined : memory <= 55 });
    rows.push({ figure: "density50 idle CPU", value: cpu === null ? "–" : `${cpu.toFixed(2)} % of a core each`, goal: "≤ 0.4 % each", reached: cpu === null ? undefined : cpu <= 0.4 });
  }
  return rows;
}
