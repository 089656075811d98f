import assert from "node:assert/strict";
import { test } from "node:test";
import { Leases, type TokenEnded } from "./lease.ts";

const DAY_MS = 86_400_000;
const reason = (signal: AbortSignal) => (signal.aborted ? (signal.reason as TokenEnded).code : null);

test("a lease ends when its token expires, however far away that is, and never before", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"], now: 0 });
  using leases = new Leases();
  const [far, never] = [leases.take("a", 60 * DAY_MS), leases.take("b", null)];
  t.mock.timers.tick(59 * DAY_MS);
  assert.equal(reason(far.signal), null);
  t.mock.timers.tick(DAY_MS);
  assert.equal(reason(far.signal), "TOKEN_EXPIRED");
  assert.equal(reason(never.signal), null);
  assert.equal(reason(leases.take("a", 60 * DAY_MS).signal), null);
  t.mock.timers.tick(0);
});

test("a revocation ends every lease of the token and no other, once", () => {
  using leases = new Leases();
  const [one, two, other, returned] = [
    leases.take("a", null),
    leases.take("a", Date.now() + DAY_MS),
    leases.take("b", null),
    leases.take("a", null),
  ];
  returned[Symbol.dispose]();
  leases.revoke("a");
  leases.revoke("a");
  assert.deepEqual(
    [one, two, other, returned].map(({ signal }) => reason(signal)),
    ["INVALID_TOKEN", "INVALID_TOKEN", null, null],
  );
  leases.take("a", null)[Symbol.dispose]();
  leases.revoke("b");
  assert.equal(reason(other.signal), "INVALID_TOKEN");
});
