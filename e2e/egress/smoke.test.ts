/** The fixture itself: allowed traffic arrives and is recorded, other traffic does not. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Arena } from "./fixture/arena.ts";
import type { Attacker } from "./fixture/attacker.ts";

let arena: Arena;
let attacker: Attacker;
before(async () => {
  arena = await Arena.open({ upstreams: { "allowed.test.example": {}, "evil.test.example": {} } });
  attacker = await arena.attacker({ allowNet: ["allowed.test.example"] });
});
after(() => arena?.[Symbol.asyncDispose]());

test("what is allowed arrives, with every byte on record", async () => {
  const { stdout } = await attacker.root(
    "curl -sS -o /dev/null -w '%{http_code}' -d sent https://allowed.test.example/path",
  );
  assert.equal(stdout, "200");
  // Not only of the first connection: curl opens a second one when the first takes more than 200 ms, and uses one of them.
  assert.match(arena.upstream("allowed.test.example").text, /\/path[^]*sent/);
});

test("what is not allowed gets 403 with the reason, and nothing arrives", async () => {
  const { stdout } = await attacker.root("curl -sS -w '%{http_code}' https://evil.test.example/");
  assert.match(stdout, /evil\.test\.example[^]*403$/);
  assert.deepEqual(arena.upstream("evil.test.example").connections, []);
  const [event] = await arena.events(attacker.id, "http");
  assert.ok(
    (await arena.events(attacker.id)).some(
      ({ data }) => data.host === "evil.test.example" && data.verdict === "denied",
    ),
    JSON.stringify(event),
  );
});
