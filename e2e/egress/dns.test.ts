/** Class 4: DNS as a way out. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, test } from "node:test";
import { Arena } from "./fixture/arena.ts";
import { type Attacker, isDenied, type Outcomes } from "./fixture/attacker.ts";
import { srvBytes } from "./fixture/name-server.ts";

/** A label that cannot be confused with another. */
const DATA = `data${randomBytes(8).toString("hex")}`;
/** Record types (RFC 1035 §3.2.2 and later): NULL, AXFR, ANY, HTTPS and unknown ones. */
const WITHHELD = ["TYPE10", "TYPE252", "TYPE255", "TYPE65", "TYPE65280"];

let arena: Arena;
let attacker: Attacker;
let listed: Outcomes;
before(async () => {
  arena = await Arena.open({
    upstreams: {
      "api.test.example": {},
      "dns.test.example": {},
      "shard.test.example": { raw: (stream) => void stream.resume().end("a shard") },
    },
  });
  attacker = await arena.attacker({
    allowNet: ["api.test.example", "*.wild.test.example", "shard.test.example:27017"],
  });
  listed = await attacker.run("dns.py", DATA);
});
after(() => arena?.[Symbol.asyncDispose]());

test("under an allow list no question leaves, of no type, to no server, under no zone", () => {
  assert.deepEqual(arena.names.questions, []);
});

test("the guest is answered with addresses that stand for names, whichever server it asks", () => {
  for (const server of ["google", "quad", "own", "v6", "gateway"]) {
    for (const over of ["udp", "tcp"]) {
      const outcome = listed[`at_${server}_${over}`] as { records?: { data: string }[] } | undefined;
      for (const { data } of outcome?.records ?? []) assert.match(data, /^198\.1[89]\./, JSON.stringify(outcome));
    }
  }
});

test("no record carries more than an address", () => {
  for (const [name, outcome] of Object.entries(listed)) {
    for (const { type } of (outcome.records as { type: number }[] | undefined) ?? [])
      assert.ok(type === 1 || type === 28, name);
  }
});

test("DNS over TLS and over HTTPS elsewhere are refused; on an allowed host they are requests like others", () => {
  assert.ok(listed.dns_over_tls?.error, JSON.stringify(listed.dns_over_tls));
  isDenied(listed.dns_over_https_elsewhere, /dns\.test\.example/);
  assert.equal(listed.dns_over_https_on_an_allowed_host?.status, 200);
  assert.deepEqual(arena.upstream("dns.test.example").connections, []);
});

test("broken packets end nothing", () => {
  assert.match(JSON.stringify(listed.broken_packets), /198\.1[89]\./);
});

test("nothing but the request that is allowed left", () => {
  assert.ok(!arena.sent.includes(DATA));
});

test("names that were asked for are on record", async () => {
  const asked = (await arena.events(attacker.id, "dns")).map(({ data }) => data);
  assert.ok(
    asked.some(({ name, verdict }) => String(name).includes("evil.test.example") && verdict === "denied"),
    JSON.stringify(asked.slice(0, 5)),
  );
});

test("a service of a listed name is found as drivers do it, with its hosts that are allowed, and nothing else is asked for", async () => {
  arena.names.records["SRV _mongodb._tcp.api.test.example"] = [
    srvBytes(27_017, "evil.test.example"),
    srvBytes(27_017, "shard.test.example"),
    srvBytes(22, "shard.test.example"),
  ];
  arena.names.records["TXT api.test.example"] = [Buffer.from("\x0freplicaSet=rs0x")];
  arena.names.questions.length = 0;
  const { found } = await attacker.run("srv.cjs");
  assert.deepEqual(found, {
    services: ["shard.test.example:27017"],
    texts: [["replicaSet=rs0x"]],
    below: "ENODATA",
    received: "a shard",
  });
  assert.deepEqual(arena.names.questions.toSorted(), ["SRV _mongodb._tcp.api.test.example", "TXT api.test.example"]);
});

test("without an allow list, types that only tunnels and tricks ask for are not passed on", async () => {
  arena.names.zone = () => ["203.0.113.10"];
  const unlisted = await arena.attacker();
  const open = await unlisted.run("dns.py", DATA, "other");
  assert.match(JSON.stringify(open.other_a), /198\.1[89]\./);
  assert.deepEqual(
    arena.names.questions.filter((question) => WITHHELD.includes(question.split(" ")[0]!)),
    [],
  );
  assert.deepEqual(open.other_any?.records, []);
});
