import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { openStore } from "@sandkeep/store";
import { Authenticator } from "./authenticator.ts";
import type { TokenEnded } from "./lease.ts";
import { newToken } from "./token.ts";

test("a revocation by another server on the same store ends what is open under the token here, and nothing else", async () => {
  await using store = openStore({ sqlite: ":memory:" });
  const organisation = { id: "org", slug: "org", name: "org", createdAt: 1 };
  await store.organisations.insert(organisation);
  await using here = new Authenticator(store.tokens, 1);
  const opened = async (name: string) => {
    const { token, hash, record } = newToken(organisation, { name, scope: "run", expiresAt: null }, Date.now());
    await store.tokens.insert(record, hash);
    return { id: record.id, signal: (await here.lease(await here.authenticate(token))).signal };
  };
  const [revoked, other] = [await opened("a"), await opened("b")];
  const ended = once(revoked.signal, "abort");
  // What the other server does; this one hears nothing of it.
  await store.tokens.revoke(null, revoked.id, Date.now());
  // The timer of the lookups does not keep a process running.
  const alive = setInterval(() => {}, 1_000);
  await ended;
  clearInterval(alive);
  assert.equal((revoked.signal.reason as TokenEnded).code, "INVALID_TOKEN");
  assert.equal(other.signal.aborted, false);
});
