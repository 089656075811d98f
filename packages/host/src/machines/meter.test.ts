import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { EgressEvent } from "@sandkeep/egress";
import type { Vm, VmUsage } from "../engine/engine.ts";
import { Meter, startMeter } from "./meter.ts";

const dir = mkdtempSync(join(tmpdir(), "sk-meter-"));
after(() => rmSync(dir, { recursive: true, force: true }));

/** A machine whose usage the test sets. */
const machine = (usage: () => VmUsage | null) => ({ usage }) as unknown as Vm;
const connection = (bytesUp: number, bytesDown: number): EgressEvent => ({
  kind: "connection",
  at: 0,
  durationMs: 1,
  verdict: "allowed",
  rule: null,
  reason: null,
  process: null,
  protocol: "tcp",
  host: "example.com",
  port: 1,
  address: null,
  bytesUp,
  bytesDown,
});

test("counts from where a machine became somebody's, on top of what was used before", () => {
  let usage: VmUsage | null = { cpuSeconds: 3, memoryBytes: 1_000 };
  const vm = machine(() => usage);
  const before = { cpuSeconds: 10, memoryMiBSeconds: 20, egressBytesUp: 30, egressBytesDown: 40 };
  const meter = Meter.begin(vm, dir, 1_280, startMeter(vm, before));
  usage = { cpuSeconds: 4.5, memoryBytes: 2_000 };
  meter.count(connection(1, 2));
  const { memoryMiBSeconds, ...rest } = meter.read();
  assert.deepEqual(rest, { cpuSeconds: 11.5, memoryBytes: 2_000, egressBytesUp: 31, egressBytesDown: 42 });
  assert.ok(memoryMiBSeconds >= 20 && memoryMiBSeconds < 20 + 1_280 * 60);
  // The process is gone: the last reading stays.
  usage = null;
  assert.equal(meter.read().cpuSeconds, 11.5);
});

test("goes on where a former server was", async () => {
  const vm = machine(() => ({ cpuSeconds: 5, memoryBytes: 1 }));
  const start = { ...startMeter(vm), cpuSeconds: 2, uptimeSeconds: 0 };
  const first = Meter.begin(vm, dir, 1_000, start);
  first.count(connection(100, 200));
  await first.flush();
  const second = await Meter.resume(vm, dir, 1_000, start);
  second.count(connection(1, 1));
  const { cpuSeconds, egressBytesUp, egressBytesDown, memoryMiBSeconds } = second.read();
  assert.deepEqual([cpuSeconds, egressBytesUp, egressBytesDown], [3, 101, 201]);
  assert.ok(memoryMiBSeconds > 0);
  await second.end();
  assert.deepEqual([second.read().memoryBytes, second.read().cpuSeconds], [0, 3]);
});

test("a file of counters that is broken counts as none", async () => {
  const vm = machine(() => null);
  for (const text of ["", "{", '{"up":-1,"down":0}', "[]"]) {
    writeFileSync(join(dir, "egress-usage.json"), text, { mode: 0o600 });
    assert.equal((await Meter.resume(vm, dir, 1_000, startMeter(vm))).read().egressBytesUp, 0, text);
  }
});

test("nothing is written to the folder of a machine that has ended", async () => {
  const vm = machine(() => null);
  const meter = Meter.begin(vm, join(dir, "gone"), 1_000, startMeter(vm));
  meter.count(connection(1, 1));
  await meter.flush();
  await meter.end();
  meter.count(connection(1, 1));
  await meter.flush();
  assert.equal(meter.read().egressBytesUp, 2);
});
