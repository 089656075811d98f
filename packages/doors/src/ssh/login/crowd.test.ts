import assert from "node:assert/strict";
import { test } from "node:test";
import { MAX_CONNECTIONS_PER_ORGANISATION, MAX_CONNECTIONS_PER_SANDBOX, MAX_LOGINS } from "../limits.ts";
import { admits, mustLeave, type Present } from "./crowd.ts";

const inside = (sandboxId: string, organisation: string): Present => ({
  remote: "192.0.2.1",
  door: { sandboxId, organisation },
  isLeaving: false,
});
const waiting = (remote: string): Present => ({ remote, door: null, isLeaving: false });
const many = <Each>(count: number, make: (n: number) => Each): Each[] =>
  Array.from({ length: count }, (_, n) => make(n));

test("one sandbox leaves room for others, and one organisation for others, on however many sandboxes", () => {
  const busy = many(MAX_CONNECTIONS_PER_SANDBOX, () => inside("sbx_1", "org_1"));
  assert.equal(admits(busy, { sandboxId: "sbx_1", organisation: "org_1" }), false);
  assert.equal(admits(busy, { sandboxId: "sbx_2", organisation: "org_1" }), true);
  const greedy = many(MAX_CONNECTIONS_PER_ORGANISATION, (n) => inside(`sbx_${n}`, "org_1"));
  assert.equal(admits(greedy, { sandboxId: "sbx_new", organisation: "org_1" }), false);
  assert.equal(admits(greedy, { sandboxId: "sbx_new", organisation: "org_2" }), true);
  const leaving = greedy.map((each) => ({ ...each, isLeaving: true }));
  assert.equal(admits(leaving, { sandboxId: "sbx_new", organisation: "org_1" }), true);
});

test("of those who do not log in, the oldest leaves of the network that most are from", () => {
  const honest = waiting("198.51.100.7");
  const crowd = many(MAX_LOGINS, (n) => waiting(n % 2 === 0 ? "2001:db8::1" : "2001:db8::2"));
  assert.equal(mustLeave([honest, ...crowd.slice(1)]), null);
  assert.equal(mustLeave([honest, ...crowd]), crowd[0]);
  const [first, ...others] = crowd;
  assert.equal(mustLeave([honest, { ...first!, isLeaving: true }, ...others]), null, "somebody leaves already");
});
