/** Class 6: internal addresses, reached directly, by DNS, by a redirect, or after the check. */
import assert from "node:assert/strict";
import { networkInterfaces } from "node:os";
import { after, before, describe, test } from "node:test";
import { Arena } from "./fixture/arena.ts";
import { type Attacker, isRefused, type Outcomes } from "./fixture/attacker.ts";
import { Upstream } from "./fixture/upstream.ts";

/** A public address that nobody uses, for a first DNS answer. */
const PUBLIC = "203.0.113.80";
const OWN = Object.values(networkInterfaces())
  .flat()
  .flatMap((address) => (address && !address.internal && !address.scopeid ? [address.address] : []));
const ADDRESSES = [
  "127.0.0.1",
  "127.8.9.10",
  "0.0.0.0",
  "::1",
  "::ffff:127.0.0.1",
  "64:ff9b::7f00:1",
  "169.254.169.254",
  "10.0.0.1",
  "100.100.100.1",
  "100.100.100.3",
  "192.168.0.1",
  "172.16.0.1",
  "fd00:ec2::254",
  ...OWN,
];
/** What each name resolves to, first and later. */
const NAMES: Record<string, string[][]> = {
  "loopback.evil.example": [["127.0.0.1"]],
  "loopback6.evil.example": [["::1"]],
  "mapped.evil.example": [["::ffff:127.0.0.1"]],
  "translated.evil.example": [["64:ff9b::7f00:1"]],
  "zero.evil.example": [["0.0.0.0"]],
  "unspecified.evil.example": [["::"]],
  "metadata.evil.example": [["169.254.169.254"]],
  "private.evil.example": [["10.0.0.1"]],
  "own.evil.example": [OWN.length > 0 ? OWN : ["127.0.0.1"]],
  "mixed.evil.example": [["127.0.0.1", "10.1.2.3", "::1"]],
  "rebinding.evil.example": [[PUBLIC], ["127.0.0.1"]],
  "rebinding6.evil.example": [[PUBLIC], ["::ffff:127.0.0.1"]],
};

let arena: Arena;
/** Listens on all addresses of this computer: whatever arrives here reached an internal address. */
let inner: Upstream;
let open: Outcomes;
let listed: Outcomes;
let attacker: Attacker;
/** A sandbox whose policy changes. */
let held: Attacker;
before(async () => {
  const redirect = (port: () => number) => ({
    handler: (_: unknown, response: { writeHead(status: number, headers: object): { end(): void } }) =>
      response.writeHead(302, { location: `http://127.0.0.1:${port()}/inward` }).end(),
  });
  arena = await Arena.open({
    upstreams: { "redirect.test.example": redirect(() => inner.port) as never, "held.test.example": {} },
  });
  inner = await Upstream.start({ certificate: await arena.authority.issue(["inner"]), host: "::" });
  const asked = new Map<string, number>();
  arena.names.zone = (name, type) => {
    const answers = NAMES[name];
    if (!answers) return null;
    const times = asked.get(name + type) ?? 0;
    asked.set(name + type, times + 1);
    return answers[Math.min(times, answers.length - 1)]!;
  };
  const names = JSON.stringify(
    Object.fromEntries(Object.entries(NAMES).map(([name, answers]) => [name, answers.length > 1 ? 3 : 1])),
  );
  const ports = JSON.stringify([inner.port, Number(new URL(arena.server.ready.apiEndpoint).port)]);
  attacker = await arena.attacker();
  open = await attacker.run("inwards.py", names, JSON.stringify(ADDRESSES), ports);
  const other = await arena.attacker({ allowNet: ["*.evil.example", "redirect.test.example"] });
  held = await arena.attacker({ allowNet: ["held.test.example"] });
  listed = await other.run("inwards.py", names, JSON.stringify(["127.0.0.1", ...OWN]), ports);
});
after(async () => {
  await inner?.[Symbol.asyncDispose]();
  await arena?.[Symbol.asyncDispose]();
});

for (const [title, outcomes] of [
  ["without an allow list", () => open],
  ["with the names allowed", () => listed],
] as const) {
  describe(title, () => {
    test("nothing inside answers", () => {
      for (const [name, outcome] of Object.entries(outcomes())) {
        if (["redirected", "metadata_by_name"].includes(name)) continue;
        for (const one of (outcome.outcomes as (typeof outcome)[] | undefined) ?? [outcome])
          assert.doesNotThrow(() => isRefused(one), `${name}: ${JSON.stringify(one)}`);
      }
    });

    test("a redirect to an internal address ends in the sandbox", () => {
      assert.doesNotMatch(String(outcomes().redirected?.out), /^200/);
    });
  });
}

test("not one connection came in", () => {
  assert.deepEqual(
    inner.connections.map(({ text }) => text),
    [],
  );
});

test("the refusals say that the address is inner", async () => {
  const events = await arena.events(attacker.id, "connection", "http");
  for (const host of ["loopback.evil.example", "metadata.evil.example", "private.evil.example", "169.254.169.254"]) {
    assert.ok(
      events.some(({ data }) => data.host === host && data.verdict === "denied" && data.reason),
      `${host}: ${JSON.stringify(events.filter(({ data }) => data.host === host))}`,
    );
  }
});

test("a connection that is kept alive ends when policy no longer allows it, and nothing more is sent on it", async () => {
  await held.upload("kept_alive.py");
  const child = await held.sandbox.spawn("python3", {
    args: ["/home/app/kept_alive.py", "held.test.example"],
    stdout: "piped",
  });
  const reader = child.stdout!.pipeThrough(new TextDecoderStream()).getReader();
  assert.match((await reader.read()).value ?? "", /first 200/);
  const answer = await arena.api("PATCH", `/api/v1/sandboxes/${held.id}/egress`, { allow: [] });
  assert.equal(answer.status, 200, answer.text);
  await held.sandbox.fs.writeTextFile("/home/app/go", "");
  assert.match((await reader.read()).value ?? "", /^(403|ended)/);
  await child.status;
  assert.ok(!arena.upstream("held.test.example").text.includes("/second"));
});

test("an internal address that is listed may be reached, at the port that is listed", async () => {
  const before = inner.connections.length;
  const api = Number(new URL(arena.server.ready.apiEndpoint).port);
  await arena.api("PATCH", `/api/v1/sandboxes/${held.id}/egress`, {
    allow: ["loopback.evil.example", `127.0.0.1:${inner.port}`],
  });
  const outcomes = await held.run(
    "inwards.py",
    JSON.stringify({ "loopback.evil.example": 1 }),
    "[]",
    JSON.stringify([inner.port, api]),
  );
  assert.equal(outcomes[`loopback.evil.example ${inner.port}`]?.status, 200, JSON.stringify(outcomes));
  isRefused(outcomes[`loopback.evil.example ${api}`]);
  assert.equal(inner.connections.length, before + 1);
});
