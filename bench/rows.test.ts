import assert from "node:assert/strict";
import { test } from "node:test";
import { rowsOf } from "./rows.ts";

test("the table has each figure that was taken beside its goal", () => {
  const rows = rowsOf({
    create: { p50: 20, p95: 90, n: 50 },
    upload_MBps: 25,
    density50: { ok: 50, memory_MB_each: null, idle_cpu_percent_each: 0.3 },
  });
  assert.deepEqual(
    rows.map(({ figure, reached }) => [figure, reached]),
    [
      ["create p50 / p95 (n=50)", false],
      ["upload_MBps", true],
      ["density50 ok", true],
      ["density50 memory", undefined],
      ["density50 idle CPU", true],
    ],
  );
});

test("each kind of goal is compared in its own way", () => {
  const rows = rowsOf({
    burst20: { ok: 19, p50: 400, p95: 1_600 },
    copy_5000_files_up_s: 8.2,
    egress_straight_MBps: 800,
    egress_stream_ratio: 0.34,
    egress_connections: {
      ok: 2_000,
      memory_MB: 70,
      machine_MB: 114,
      neighbour_before_p95: 17,
      neighbour_beside_p95: 9.5,
    },
  });
  assert.deepEqual(
    rows.map(({ figure, value, goal, reached }) => [figure, value, goal, reached]),
    [
      ["burst20 ok", "19 of 20", "20 of 20", false],
      ["burst20 p50 / p95", "400 / 1600 ms", "p95 ≤ 1500 ms", false],
      ["copy_5000_files_up_s", "8.2 s", "≤ 8 s", false],
      ["egress_straight_MBps, without the proxy", "800.0 MB/s", "–", undefined],
      ["egress_stream_ratio", "0.34", "≥ 0.35", false],
      ["egress_connections ok=2000", "70 MB", "≤ 200 MB", true],
      ["egress_connections, in the machine", "114 MB", "–", undefined],
      ["egress_connections, a neighbour's p95", "17 → 9.50 ms", "neighbours unaffected", undefined],
    ],
  );
});
