import assert from "node:assert/strict";
import { test } from "node:test";
import type { SandboxEvent } from "@sandkeep/protocol";
import { colours } from "../output/colour.ts";
import { describeEvent } from "./describe.ts";

const stamp = { id: "evt_1", time: "2026-01-02T03:04:05.678Z", org: "o", sandbox: "sbx_ord_x", actor: { kind: "token", id: "tok_1", name: "ci" } } as const;
const line = (event: object) => describeEvent({ ...stamp, ...event } as SandboxEvent, colours(false));

test("a command is told with its words, its end and how long it took", () => {
  const data = { argv: ["bash", "-c", "echo 'a b'"], cwd: null, pid: 1, exitCode: 3, signal: null, oom: false, durationMs: 40 };
  assert.equal(line({ kind: "command", outcome: "failed", data }), `2026-01-02 03:04:05Z ✘ sbx_ord_x command bash -c "echo 'a b'" → exit 3, 40 ms (ci)`);
  assert.match(line({ kind: "command", outcome: "failed", data: { ...data, signal: "SIGKILL" } }), /ended by SIGKILL/);
  assert.match(line({ kind: "command", outcome: "failed", data: { ...data, exitCode: null, error: "ENOENT" } }), /→ ENOENT/);
});

test("what a sandbox made up cannot reach the terminal", () => {
  assert.match(line({ kind: "file.written", outcome: "ok", data: { path: "\x1b]0;x\x07", bytes: 1, method: "writeFile" } }), /\\x1b\]0;x\\x07/);
});

test("a kind that is not known yet is shown as it is", () => {
  assert.match(line({ kind: "http", outcome: "denied", data: { host: "a.example" } }), /⊘ sbx_ord_x http \{"host":"a.example"\}/);
});
