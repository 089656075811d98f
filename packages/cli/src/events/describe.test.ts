import assert from "node:assert/strict";
import { test } from "node:test";
import type { SandboxEvent } from "@sandkeep/protocol";
import { colours } from "../output/colour.ts";
import { describeEvent } from "./describe.ts";

const stamp = {
  id: "evt_1",
  time: "2026-01-02T03:04:05.678Z",
  org: "o",
  sandbox: "sbx_ord_x",
  actor: { kind: "token", id: "tok_1", name: "ci" },
} as const;
const line = (event: object) => describeEvent({ ...stamp, ...event } as SandboxEvent, colours(false));

test("a command is shown with its words, its end and its duration", () => {
  const data = {
    argv: ["bash", "-c", "echo 'a b'"],
    cwd: null,
    pid: 1,
    exitCode: 3,
    signal: null,
    oom: false,
    durationMs: 40,
  };
  assert.equal(
    line({ kind: "command", outcome: "failed", data }),
    `2026-01-02 03:04:05Z ✘ sbx_ord_x command bash -c "echo 'a b'" → exit 3, 40 ms (ci)`,
  );
  assert.match(line({ kind: "command", outcome: "failed", data: { ...data, signal: "SIGKILL" } }), /ended by SIGKILL/);
  assert.match(
    line({ kind: "command", outcome: "failed", data: { ...data, signal: "SIGKILL", exitCode: 137, oom: true } }),
    /killed: out of memory/,
  );
  assert.match(
    line({ kind: "command", outcome: "failed", data: { ...data, exitCode: null, error: "ENOENT" } }),
    /→ ENOENT/,
  );
});

test("control characters from a sandbox cannot reach the terminal", () => {
  assert.match(
    line({ kind: "file.written", outcome: "ok", data: { path: "\x1b]0;x\x07", bytes: 1, method: "writeFile" } }),
    /\\x1b\]0;x\\x07/,
  );
});

test("a request is shown with its destination, its size and the secrets", () => {
  const data = {
    scheme: "https",
    method: "POST",
    host: "api.example",
    port: 443,
    path: "/v1",
    status: 200,
    bytesUp: 10,
    bytesDown: 2_048,
    durationMs: 42,
    verdict: "allowed",
    reason: null,
    secrets: ["KEY"],
    placeholders: [],
  };
  assert.match(
    line({ kind: "http", outcome: "ok", data }),
    /✔ sbx_ord_x http POST https:\/\/api\.example\/v1 → 200, 10 B up, 2\.0 KiB down, 42 ms, with KEY \(ci\)$/,
  );
  const denied = {
    ...data,
    port: 8_443,
    status: 403,
    verdict: "denied",
    reason: "api.example:8443 is not in this sandbox's allowNet.",
    secrets: [],
    placeholders: ["KEY"],
  };
  assert.match(
    line({ kind: "http", outcome: "denied", data: denied }),
    /⊘ .*api\.example:8443\/v1 → 403, .*KEY left out: denied, api\.example:8443 is not in/,
  );
});

test("other connections, names and changes are shown in one line each", () => {
  const connection = {
    protocol: "tcp",
    host: "db.example",
    port: 5_432,
    bytesUp: 1,
    bytesDown: 2,
    durationMs: 3,
    verdict: "failed",
    reason: "refused",
  };
  assert.match(
    line({ kind: "connection", outcome: "failed", data: connection }),
    /✘ .* tcp db\.example:5432 → 1 B up, 2 B down, 3 ms: failed, refused/,
  );
  assert.match(
    line({ kind: "dns", outcome: "denied", data: { type: "TXT", name: "x.example", verdict: "denied", reason: "no" } }),
    /dns TXT x\.example: denied, no/,
  );
  const policy = { allow: ["a.example"], deny: ["b.example"], rules: [{ host: "a.example" }] };
  assert.match(
    line({ kind: "egress.changed", outcome: "ok", data: { change: "policy", policy } }),
    /policy → a\.example; but not b\.example; 1 rules \(ci\)/,
  );
  assert.match(
    line({
      kind: "egress.changed",
      outcome: "ok",
      data: { change: "secret.added", secret: { name: "KEY", hosts: ["a.example"], in: [] } },
    }),
    /secret\.added KEY → a\.example/,
  );
  assert.match(
    line({ kind: "egress.changed", outcome: "failed", data: { change: "restored", error: "lost" } }),
    /✘ .*restored: lost/,
  );
});

test("an unknown kind is shown as it is", () => {
  assert.match(
    line({ kind: "ssh", outcome: "denied", data: { host: "a.example" } }),
    /⊘ sbx_ord_x ssh \{"host":"a.example"\}/,
  );
});

test("volumes and snapshots are shown by their slugs", () => {
  const slug = "data";
  const volume = { volume: "vol_ord_1", slug };
  for (const [kind, data, text] of [
    ["volume.created", { ...volume, capacity: 2 ** 31, from: "snp_ord_1" }, "data, 2.0 GiB from snp_ord_1"],
    ["volume.created", { ...volume, capacity: 2 ** 30, from: null, error: "NO_SPACE" }, "data, 1.0 GiB: NO_SPACE"],
    ["volume.grown", { ...volume, capacity: 2 ** 32 }, "data to 4.0 GiB"],
    ["volume.attached", { ...volume, path: "/data", readOnly: true }, "data at /data, read-only"],
    ["volume.detached", { ...volume, path: null }, "data at the root"],
    ["volume.deleted", { ...volume, removedAtMs: 0 }, "data, data kept until 1970-01-01T00:00:00.000Z"],
    ["snapshot.created", { snapshot: "snp_ord_1", slug, volume: "vol_ord_1" }, "data of vol_ord_1"],
    ["snapshot.exported", { snapshot: "snp_ord_1", slug }, "data"],
    ["snapshot.removed", { snapshot: "snp_ord_1", slug }, "data"],
  ] as const)
    assert.equal(line({ sandbox: null, kind, outcome: "ok", data }), `2026-01-02 03:04:05Z ✔ ${kind} ${text} (ci)`);
});

test("a fork names parent and children, a pause its reason", () => {
  const created = { memoryMiB: 1280, stopAtMs: null, labels: {}, parent: "sbx_ord_p", durationMs: 300 };
  assert.match(line({ kind: "sandbox.created", outcome: "ok", data: created }), /1280 MiB, a fork of sbx_ord_p, ready/);
  const forked = { children: ["sbx_ord_a", "sbx_ord_b"], durationMs: 300 };
  assert.match(line({ kind: "sandbox.forked", outcome: "ok", data: forked }), /into sbx_ord_a, sbx_ord_b in 300 ms/);
  assert.match(
    line({ kind: "sandbox.paused", outcome: "ok", data: { why: "idle", durationMs: 80 } }),
    /paused idle, 80 ms/,
  );
  const failed = { why: "timeout", durationMs: 80, error: "NO_SPACE" };
  assert.match(line({ kind: "sandbox.paused", outcome: "failed", data: failed }), /timeout: NO_SPACE/);
  const resumed = { stopAtMs: null, pausedMs: 61_000, durationMs: 200 };
  assert.match(line({ kind: "sandbox.resumed", outcome: "ok", data: resumed }), /after 1m 01s, in 200 ms/);
});
