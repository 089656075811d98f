import type { Summary } from "./statistics.ts";

/** What `sandkeep bench` measures; times in milliseconds. docs/performance.md describes each measurement. */
export interface Figures {
  create: Summary;
  /**
   * Resuming a paused machine until its agent has taken an identity, how many times as long the median create takes, and
   * the time until the agent answers the smallest call instead.
   */
  create_floor: Summary & { ratio: number; ping_p50: number };
  tti_echo: Summary;
  tti_node_version: Summary;
  tti_python: Summary;
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
  /**
   * What the proxy adds to a request on a kept-alive connection: each percentile minus that of the same request made
   * directly.
   */
  egress_added: Summary;
  /** One body through the proxy, decrypted and searched for secrets; and the same without the proxy, in turn. */
  egress_stream_MBps: number;
  egress_straight_MBps: number;
  /** The first of them divided by the second. */
  egress_stream_ratio: number;
  /** Processor time that the proxy uses for a body, in seconds per 10⁹ bytes. */
  egress_stream_cpu_s_per_GB: number;
  /** From when the upstream sends an event of a streamed response to when the client has it. */
  egress_first_byte: Summary;
  /** 2,000 TLS connections open at once, from the host side: how much a fresh proxy grew, and what it then takes in all. */
  egress_tls_connections: { ok: number; memory_MB: number; total_MB: number };
  /** HTTPS from inside a machine: on a new connection (name, TCP, TLS, request), and on a kept-alive one. */
  egress_guest_new: Summary;
  egress_guest_kept: Summary;
  egress_guest_download_MBps: number;
  /** 2,000 connections of one sandbox open at once. */
  egress_connections: {
    ok: number;
    /** How much the proxy and the server grew. */
    memory_MB: number;
    /** How much of its own memory the machine used. */
    machine_MB: number;
    /** Kept-alive requests of another sandbox, before and while the connections are open; milliseconds. */
    neighbour_before_p95: number;
    neighbour_beside_p95: number;
  };
  /** Creating a machine, in a host of its own: its root is a volume; a snapshot without a template; a snapshot with one. */
  storage_root_volume: Summary;
  storage_root_snapshot_first: Summary;
  /** `ratio`: how many times as long as from the image, in turn. */
  storage_root_snapshot: Summary & { ratio: number };
  /** Twenty machines from one snapshot, each of which has run a command: what each holds alone. */
  storage_root_20: { ok: number; memory_MB_each: number };
  /** A machine whose programs have touched so much memory is forked: its pause, and until a child answers. */
  storage_fork_20MB_paused: Summary;
  storage_fork_20MB_usable: Summary;
  storage_fork_300MB_paused: Summary;
  storage_fork_300MB_usable: Summary;
  /** Ten children of one pause, until all answer. */
  storage_fork_10: Summary;
  /** What a child takes at least: a new process loads a template's state, and answers. */
  storage_fork_floor: Summary;
  /** An idle machine is paused, until it is on disk and gone; and resumed, until it answers. */
  storage_pause: Summary;
  storage_resume: Summary;
  /** As for a child. */
  storage_resume_floor: Summary;
  /** A new volume of 300 MB to 20 GB, and a snapshot of one that no machine has. */
  storage_create: Summary;
  storage_snapshot: Summary;
  /** What a volume adds to creating a machine, until it is mounted. */
  storage_attach_added: Summary;
  /** The longest that a program had to wait for a write during a snapshot, with 50 MB that were not on disk before. */
  storage_snapshot_pause: Summary;
  /** SQLite transactions in a second on a volume, divided by those on the machine's own disk. */
  storage_sqlite_ratio: number;
  /** 100 MiB, written and synced in the guest. */
  storage_write_MBps: number;
  /**
   * What a door adds to a request answered in the guest, on kept connections: each percentile minus that of the same request on the
   * guest's own loopback.
   */
  door_added: Summary;
  /** A body of 50 MB through a door, and how many times as fast as on the guest's own loopback. */
  door_stream_MBps: number;
  door_stream_ratio: number;
  /** 500 WebSockets open through one door: how many, and the p95 of an echo divided by that of a single WebSocket's, which follows. */
  door_websockets: { ok: number; ratio: number; alone_p95: number };
  /** OpenSSH's client, from its start, login included: until `ssh host true` has ended, and until a shell prints its prompt. */
  door_ssh_true: Summary;
  door_ssh_prompt: Summary;
  /** A file of 50 MB to a sandbox with `scp`, login included. */
  door_scp_MBps: number;
  machine: Machine;
  /** Before the first measurement, and after the last one. */
  computer: { before: Computer; after: Computer };
}

/** The computer and software that the figures were measured on. */
export interface Machine {
  cores: number;
  memory_MiB: number;
  cpu: string;
  acceleration: { kind: string; reason: string };
  versions: Record<string, string>;
  date: string;
}

/**
 * What this computer gives at a moment. A virtual one shares the real one with others, so this changes within the hour, and
 * all figures with it. Null if the measured server runs elsewhere: only the inside of a machine can be seen there.
 */
export interface Computer {
  /** First use of fresh memory: one byte of each page is written. */
  first_touch_GBps: number | null;
  /** SHA-256 on one core. */
  one_core_MBps: number | null;
  /** A body over TLS from the upstream's process to the bench's. */
  straight_MBps: number | null;
  /** Iterations of an empty loop of bash in a machine: what emulation leaves of a core. */
  machine_loops_per_s: number;
}
