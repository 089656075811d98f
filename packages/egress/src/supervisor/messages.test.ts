import assert from "node:assert/strict";
import { test } from "node:test";
import type { ConnectionEvent, EgressEvent } from "../contract.ts";
import type { Dialer } from "../dial/dialer.ts";
import { Sandbox } from "../sandbox/sandbox.ts";
import type { Sealer } from "../secrets/mod.ts";
import { fromProxySchema } from "./messages.ts";

const EVENT: ConnectionEvent = {
  kind: "connection",
  at: 1,
  durationMs: 0,
  verdict: "denied",
  rule: null,
  reason: null,
  process: null,
  protocol: "tcp",
  host: "a.example",
  port: 443,
  address: null,
  bytesUp: 0,
  bytesDown: 0,
};

const accepts = (event: EgressEvent) => fromProxySchema.safeParse({ type: "event", id: "one", event }).success;

test("an event is in the contract however long the rule that decided is, and what an upstream's certificate says", async () => {
  const sent: EgressEvent[] = [];
  const spec = { policy: { allow: [], deny: [], rules: [] }, secrets: [] };
  const sandbox = new Sandbox("one", spec, {
    sealer: {} as Sealer,
    dialer: {} as Dialer,
    emit: (_, event) => sent.push(event),
  });
  // 100 paths of 1,024 characters; 100 names of 253.
  await sandbox.report({ ...EVENT, rule: "/".repeat(102_400), reason: "x".repeat(25_300) });
  sandbox.close();
  assert.equal(accepts(sent[0]!), true);
  assert.match(sent[0]!.rule!, /^\/+…$/);
});

test("a time that no date can represent is refused", () => {
  assert.equal(accepts({ ...EVENT, at: 8.64e15 }), true);
  for (const at of [8.64e15 + 1, Number.MAX_SAFE_INTEGER, -1, 1.5]) assert.equal(accepts({ ...EVENT, at }), false);
});
