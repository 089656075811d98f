import type { Figures } from "./figures.ts";

/** The name of a figure, as in the JSON that `sandkeep bench --json` writes. */
export type FigureName = Exclude<keyof Figures, "machine" | "computer">;

/** The target for a figure. */
export type Goal = { figure: FigureName } & (Duration | Count | Limit | Expectation);

/** A time, in milliseconds: at most this at the median, and at the 95th percentile. */
export interface Duration {
  kind: "duration";
  p50?: number;
  p95?: number;
}

/** How many of a number must succeed. */
export interface Count {
  kind: "count";
  of: number;
}

/** A number, or the named part of a figure that has several: at most or at least this much. */
export interface Limit {
  kind: "limit";
  part?: string;
  /** Name of the part in the table. */
  title?: string;
  unit: string;
  /** Digits after the decimal point that are shown. */
  digits: number;
  atMost?: number;
  atLeast?: number;
}

/** A part that is shown beside words, because no number fits every computer. */
export interface Expectation {
  kind: "expectation";
  title: string;
  show(figures: Partial<Figures>): string | undefined;
  goal: string;
}

const duration = (figure: FigureName, goal: Omit<Duration, "kind">): Goal => ({ kind: "duration", figure, ...goal });
const rate = (figure: FigureName, atLeast: number): Goal => ({
  kind: "limit",
  figure,
  atLeast,
  unit: " MB/s",
  digits: 1,
});
const seconds = (figure: FigureName, atMost: number): Goal => ({
  kind: "limit",
  figure,
  atMost,
  unit: " s",
  digits: 1,
});
const count = (figure: FigureName, of: number): Goal => ({ kind: "count", figure, of });

/**
 * The goals of every measurement, on 2 cores with emulation. This is their only source: the bench compares with it, and
 * a test compares docs/performance.md with it.
 */
export const GOALS: Record<string, Goal[]> = {
  burst20: [count("burst20", 20), duration("burst20", { p95: 1_500 })],
  create: [
    duration("create", { p50: 18, p95: 80 }),
    {
      kind: "expectation",
      figure: "create_floor",
      title: "p50 / p95",
      show: ({ create_floor: floor }) =>
        floor &&
        `${milliseconds(floor.p50)} / ${milliseconds(floor.p95)} ms; of a ping ${milliseconds(floor.ping_p50)} ms`,
      goal: "–",
    },
    {
      kind: "limit",
      figure: "create_floor",
      part: "ratio",
      title: "times the floor",
      atMost: 1.5,
      unit: " ×",
      digits: 2,
    },
  ],
  tti_echo: [duration("tti_echo", { p50: 80 })],
  tti_node_version: [duration("tti_node_version", { p50: 130 })],
  tti_python: [duration("tti_python", { p50: 110 })],
  exec_true: [duration("exec_true", { p50: 60 })],
  rpc_stat: [duration("rpc_stat", { p50: 4 })],
  kill: [duration("kill", { p50: 100 })],
  transfer: [rate("upload_MBps", 20), rate("download_MBps", 20)],
  copy_5000_files: [seconds("copy_5000_files_up_s", 8), seconds("copy_5000_files_down_s", 8)],
  copy_200MB: [rate("copy_200MB_up_MBps", 25), rate("copy_200MB_down_MBps", 25)],
  egress_host: [
    duration("egress_added", { p50: 0.7, p95: 6 }),
    rate("egress_stream_MBps", 150),
    {
      kind: "expectation",
      figure: "egress_straight_MBps",
      title: "without the proxy",
      show: ({ egress_straight_MBps: straight }) =>
        straight === undefined ? undefined : `${straight.toFixed(1)} MB/s`,
      goal: "–",
    },
    { kind: "limit", figure: "egress_stream_ratio", atLeast: 0.35, unit: "", digits: 2 },
    // Half of what it took at 171ee91, received in the same way: 7.30 and 6.84.
    { kind: "limit", figure: "egress_stream_cpu_s_per_GB", atMost: 3.5, unit: " s/GB", digits: 2 },
    duration("egress_first_byte", { p50: 5 }),
    // What they took at 171ee91 in a fresh proxy: 280 and 285.
    { kind: "limit", figure: "egress_tls_connections", part: "memory_MB", atMost: 280, unit: " MB", digits: 0 },
    {
      kind: "expectation",
      figure: "egress_tls_connections",
      title: "the proxy in all",
      show: ({ egress_tls_connections: many }) => many && `${many.total_MB.toFixed(0)} MB`,
      goal: "–",
    },
  ],
  egress_guest: [
    duration("egress_guest_new", { p50: 250 }),
    duration("egress_guest_kept", { p50: 40 }),
    rate("egress_guest_download_MBps", 10),
    { kind: "limit", figure: "egress_connections", part: "memory_MB", atMost: 200, unit: " MB", digits: 0 },
    {
      kind: "expectation",
      figure: "egress_connections",
      title: "in the machine",
      show: ({ egress_connections: many }) => many && `${many.machine_MB.toFixed(0)} MB`,
      goal: "–",
    },
    {
      kind: "expectation",
      figure: "egress_connections",
      title: "a neighbour's p95",
      show: ({ egress_connections: many }) =>
        many && `${milliseconds(many.neighbour_before_p95)} → ${milliseconds(many.neighbour_beside_p95)} ms`,
      goal: "neighbours unaffected",
    },
  ],
  storage_roots: [
    duration("storage_root_volume", { p50: 900 }),
    duration("storage_root_snapshot_first", { p50: 900 }),
    {
      kind: "limit",
      figure: "storage_root_snapshot",
      part: "ratio",
      title: "times from the image",
      atMost: 1.2,
      unit: " ×",
      digits: 2,
    },
    count("storage_root_20", 20),
    {
      kind: "limit",
      figure: "storage_root_20",
      part: "memory_MB_each",
      title: "memory",
      atMost: 55,
      unit: " MB each",
      digits: 1,
    },
  ],
  storage_fork: [
    duration("storage_fork_20MB_paused", { p50: 80 }),
    duration("storage_fork_20MB_usable", { p50: 350 }),
    duration("storage_fork_300MB_paused", { p50: 250 }),
    duration("storage_fork_300MB_usable", { p50: 600 }),
    duration("storage_fork_10", { p50: 2_500 }),
    {
      kind: "expectation",
      figure: "storage_fork_floor",
      title: "p50 / p95",
      show: ({ storage_fork_floor: floor }) => floor && `${milliseconds(floor.p50)} / ${milliseconds(floor.p95)} ms`,
      goal: "–",
    },
  ],
  storage_pause: [
    duration("storage_pause", { p50: 60 }),
    duration("storage_resume", { p50: 250 }),
    {
      kind: "expectation",
      figure: "storage_resume_floor",
      title: "p50 / p95",
      show: ({ storage_resume_floor: floor }) => floor && `${milliseconds(floor.p50)} / ${milliseconds(floor.p95)} ms`,
      goal: "–",
    },
  ],
  storage_volumes: [duration("storage_create", { p50: 50 }), duration("storage_snapshot", { p50: 60 })],
  storage_attach: [duration("storage_attach_added", { p50: 60 })],
  storage_live: [duration("storage_snapshot_pause", { p50: 120 })],
  storage_speed: [
    { kind: "limit", figure: "storage_sqlite_ratio", atLeast: 0.7, unit: "", digits: 2 },
    rate("storage_write_MBps", 70),
  ],
  door_http: [
    duration("door_added", { p50: 3 }),
    rate("door_stream_MBps", 30),
    { kind: "limit", figure: "door_stream_ratio", atLeast: 0.6, unit: "", digits: 2 },
    count("door_websockets", 500),
    {
      kind: "limit",
      figure: "door_websockets",
      part: "ratio",
      title: "an echo's p95",
      atMost: 3,
      unit: " × a single one's",
      digits: 2,
    },
  ],
  door_ssh_true: [duration("door_ssh_true", { p50: 400 })],
  door_ssh_prompt: [duration("door_ssh_prompt", { p50: 600 })],
  door_scp: [rate("door_scp_MBps", 20)],
  density50: [
    count("density50", 50),
    {
      kind: "limit",
      figure: "density50",
      part: "memory_MB_each",
      title: "memory",
      atMost: 55,
      unit: " MB each",
      digits: 1,
    },
    {
      kind: "limit",
      figure: "density50",
      part: "idle_cpu_percent_each",
      title: "idle CPU",
      atMost: 0.4,
      unit: " % of a core each",
      digits: 2,
    },
  ],
};

/** Milliseconds as the table shows them: two digits after the point where they matter. */
export const milliseconds = (value: number): string => value.toFixed(value < 10 ? 2 : 0);

/** A goal in words, as the bench's table and docs/performance.md show it. */
export function goalText(goal: Goal): string {
  switch (goal.kind) {
    case "duration":
      if (goal.p50 === undefined) return `p95 ≤ ${goal.p95} ms`;
      return goal.p95 === undefined ? `≤ ${goal.p50} ms` : `≤ ${goal.p50} / ${goal.p95} ms`;
    case "count":
      return `${goal.of} of ${goal.of}`;
    case "limit":
      return goal.atMost === undefined ? `≥ ${goal.atLeast}${goal.unit}` : `≤ ${goal.atMost}${goal.unit}`;
    case "expectation":
      return goal.goal;
  }
}
