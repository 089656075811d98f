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
  /** A directory of 5,000 files of 2 kB, as one stream; seconds. */
  copy_5000_files_up_s: number;
  copy_5000_files_down_s: number;
  /** A directory of four files of 50 MB. */
  copy_200MB_up_MBps: number;
  copy_200MB_down_MBps: number;
  burst20: { ok: number; p50: number; p95: number };
  density50: { ok: number; memory_MB_each: number | null; idle_cpu_percent_each: number | null };
  /** What the proxy adds to a request on a connection that is kept open; each percentile less that of the same request made directly. */
  egress_added: Summary;
  /** One body through the proxy, opened and looked through for secrets. */
  egress_stream_MBps: number;
  /** From when the upstream sends an event of a streamed answer to when the client has it. */
  egress_first_byte: Summary;
  /** 2,000 connections over TLS open at once at the host's end, and what the proxy grew by. */
  egress_tls_connections: { ok: number; memory_MB: number };
  /** HTTPS from inside a machine: on a new connection (name, TCP, TLS, request), and on one that was kept. */
  egress_guest_new: Summary;
  egress_guest_kept: Summary;
  egress_guest_download_MBps: number;
  /** 2,000 connections of one sandbox open at once: what the proxy and the server grew by, what the machine itself used of its own memory, and a neighbour's kept-alive requests before and beside. */
  egress_connections: {
    ok: number;
    memory_MB: number;
    machine_MB: number;
    neighbour_before_p95: number;
    neighbour_beside_p95: number;
  };
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

/** What egress is measured by. */
function egressRows(
  figures: Partial<Figures>,
  rows: Row[],
  time: (
    key: "egress_added" | "egress_first_byte" | "egress_guest_new" | "egress_guest_kept",
    p50: number,
    p95?: number,
  ) => void,
) {
  time("egress_added", 2, 6);
  const rate = (key: "egress_stream_MBps" | "egress_guest_download_MBps", goal: number) => {
    const value = figures[key];
    if (value !== undefined)
      rows.push({ figure: key, value: `${value.toFixed(1)} MB/s`, goal: `≥ ${goal} MB/s`, reached: value >= goal });
  };
  rate("egress_stream_MBps", 150);
  time("egress_first_byte", 5);
  const { egress_tls_connections: tls, egress_connections: many } = figures;
  if (tls)
    rows.push({
      figure: `egress_tls_connections ok=${tls.ok}`,
      value: `${tls.memory_MB.toFixed(0)} MB`,
      goal: "≤ 200 MB",
      reached: tls.memory_MB <= 200,
    });
  time("egress_guest_new", 250);
  time("egress_guest_kept", 40);
  rate("egress_guest_download_MBps", 10);
  if (!many) return;
  rows.push({
    figure: `egress_connections ok=${many.ok}`,
    value: `${many.memory_MB.toFixed(0)} MB`,
    goal: "≤ 200 MB",
    reached: many.memory_MB <= 200,
  });
  rows.push({
    figure: "egress_connections, in the machine",
    value: `${many.machine_MB.toFixed(0)} MB`,
    goal: "its own memory",
    reached: undefined,
  });
  rows.push({
    figure: "egress_connections, a neighbour's p95",
    value: `${ms(many.neighbour_before_p95)} → ${ms(many.neighbour_beside_p95)} ms`,
    goal: "unaffected",
    reached: undefined,
  });
}

/** The table, for the figures that were taken, each beside its goal (2 cores, emulation). */
export function rowsOf(figures: Partial<Figures>): Row[] {
  const rows: Row[] = [];
  const time = (
    key:
      | "create"
      | "tti_echo"
      | "tti_node_version"
      | "exec_true"
      | "rpc_stat"
      | "kill"
      | "egress_added"
      | "egress_first_byte"
      | "egress_guest_new"
      | "egress_guest_kept",
    p50: number,
    p95?: number,
  ) => {
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
    if (value !== undefined)
      rows.push({ figure: key, value: `${value.toFixed(1)} MB/s`, goal: "≥ 20 MB/s", reached: value >= 20 });
  }
  for (const key of ["copy_5000_files_up_s", "copy_5000_files_down_s"] as const) {
    const value = figures[key];
    if (value !== undefined)
      rows.push({ figure: key, value: `${value.toFixed(1)} s`, goal: "≤ 8 s", reached: value <= 8 });
  }
  for (const key of ["copy_200MB_up_MBps", "copy_200MB_down_MBps"] as const) {
    const value = figures[key];
    if (value !== undefined)
      rows.push({ figure: key, value: `${value.toFixed(1)} MB/s`, goal: "≥ 25 MB/s", reached: value >= 25 });
  }
  egressRows(figures, rows, time);
  const { burst20, density50 } = figures;
  if (burst20) {
    rows.push({ figure: "burst20 ok", value: `${burst20.ok} of 20`, goal: "20 of 20", reached: burst20.ok === 20 });
    rows.push({
      figure: "burst20 p50 / p95",
      value: `${ms(burst20.p50)} / ${ms(burst20.p95)} ms`,
      goal: "p95 ≤ 1500 ms",
      reached: burst20.p95 <= 1_500,
    });
  }
  if (density50) {
    const { ok, memory_MB_each: memory, idle_cpu_percent_each: cpu } = density50;
    rows.push({ figure: "density50 ok", value: `${ok} of 50`, goal: "50 of 50", reached: ok === 50 });
    rows.push({
      figure: "density50 memory",
      value: memory === null ? "–" : `${memory.toFixed(1)} MB each`,
      goal: "≤ 55 MB each",
      reached: memory === null ? undefined : memory <= 55,
    });
    rows.push({
      figure: "density50 idle CPU",
      value: cpu === null ? "–" : `${cpu.toFixed(2)} % of a core each`,
      goal: "≤ 0.4 % each",
      reached: cpu === null ? undefined : cpu <= 0.4,
    });
  }
  return rows;
}
