/** An attacker that has taken over the agent: how the host handles the port itself. Part of classes 5, 6 and 15. */
import assert from "node:assert/strict";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { after, before, describe, test } from "node:test";
import { isAlive, pidOfSandbox } from "../harness/machines.ts";
import { until } from "../harness/poll.ts";
import { Arena } from "./fixture/arena.ts";
import type { Attacker } from "./fixture/attacker.ts";
import { Upstream } from "./fixture/upstream.ts";

const TIMEOUT_MS = 60_000;
/** Requests that are not in the egress port's contract. */
const VIOLATIONS: Record<string, string> = {
  "bytes that are no frames": "garbage",
  "a name instead of an address": JSON.stringify([
    [":method", "CONNECT"],
    [":authority", "evil.test.example:443"],
  ]),
  "an address in decimal": JSON.stringify([
    [":method", "CONNECT"],
    [":authority", "2130706433:80"],
  ]),
  "a port beyond all ports": JSON.stringify([
    [":method", "CONNECT"],
    [":authority", "192.0.2.1:65617"],
  ]),
  "another method": JSON.stringify([
    [":method", "GET"],
    [":scheme", "http"],
    [":path", "/"],
    [":authority", "192.0.2.1:80"],
  ]),
};

let arena: Arena;
let inner: Upstream;
let listed: Upstream;
let udp: Socket;
let bystander: Attacker;
const datagrams: string[] = [];
before(async () => {
  arena = await Arena.open({ upstreams: { "api.test.example": {}, "evil.test.example": {} } });
  const certificate = await arena.authority.issue(["inner"]);
  [inner, listed] = [await Upstream.start({ certificate, host: "::" }), await Upstream.start({ certificate })];
  udp = createSocket("udp6");
  udp.on("message", (message) => datagrams.push(message.toString("latin1")));
  await once(udp.bind(inner.port, "::"), "listening");
  bystander = await arena.attacker({ allowNet: ["api.test.example"] });
});
after(async () => {
  udp?.close();
  await inner?.[Symbol.asyncDispose]();
  await listed?.[Symbol.asyncDispose]();
  await arena?.[Symbol.asyncDispose]();
});

test("policy holds for who speaks on the port itself", { timeout: TIMEOUT_MS }, async () => {
  const attacker = await arena.attacker({ allowNet: ["api.test.example", `127.0.0.1:${listed.port}`] });
  const inward = [
    "127.0.0.1",
    "127.8.9.10",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[64:ff9b::7f00:1]",
    "0.0.0.0",
    "[::]",
    "198.18.0.1",
    "[fd64:6464:6464:1::1]",
  ].map((address) => `${address}:${inner.port}`);
  const outcomes = await attacker.run("egress_port.py", JSON.stringify([`127.0.0.1:${listed.port}`, ...inward]), "");
  assert.equal(outcomes.port?.streams, 2 * (inward.length + 1));
  // Shows that the attempts are valid: an allowed destination is reached.
  await until("what is listed is reached", () => listed.text.includes("GET /port"));
  assert.deepEqual(inner.connections, []);
  assert.deepEqual(datagrams, []);
  const denied = (await arena.events(attacker.id))
    .filter(({ data }) => data.verdict === "denied")
    .map(({ data }) => data.host);
  for (const host of ["127.0.0.1", "127.8.9.10", "::1"]) assert.ok(denied.includes(host), `${host} of ${denied}`);
});

describe("ends the machine, and no other:", { timeout: 5 * TIMEOUT_MS }, () => {
  for (const [name, violation] of Object.entries(VIOLATIONS)) {
    test(name, { timeout: TIMEOUT_MS }, async () => {
      const attacker = await arena.attacker({ allowNet: ["api.test.example"] });
      const pid = pidOfSandbox(arena.server.dataDir, attacker.id)!;
      await attacker.run("egress_port.py", "[]", violation).catch(() => {});
      await until("its machine is gone", () => !isAlive(pid));
      assert.equal(await bystander.sandbox.sh`curl -sS https://api.test.example/`.text(), "ok\n");
    });
  }
});

test("no byte went where it should not", () => {
  assert.deepEqual(arena.upstream("evil.test.example").connections, []);
  assert.deepEqual([...inner.connections, ...datagrams], []);
});
