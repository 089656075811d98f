/** Class 5: everything except TCP and names: UDP, QUIC, ICMP, raw sockets, fragments, spoofed sources. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { networkInterfaces } from "node:os";
import { after, before, describe, test } from "node:test";
import { isAlive } from "../harness/machines.ts";
import { Arena } from "./fixture/arena.ts";
import type { Attacker, Outcomes } from "./fixture/attacker.ts";
import { Upstream } from "./fixture/upstream.ts";

/** Virtio device numbers (virtio 1.2 §5) that might lead out of the machine. */
const NETWORK_DEVICES = ["0x0001", "0x0013"];
const MARK = randomBytes(8).toString("hex");
/** An address of this computer that is not loopback, if it has one. */
const HOST =
  Object.values(networkInterfaces())
    .flat()
    .find((address) => address?.family === "IPv4" && !address.internal)?.address ?? "127.0.0.1";

let arena: Arena;
let udp: Socket;
let inner: Upstream;
const datagrams: string[] = [];
const runs: Record<string, { attacker: Attacker; outcomes: Outcomes }> = {};
before(async () => {
  arena = await Arena.open({ upstreams: { "api.test.example": {}, "evil.test.example": {} } });
  inner = await Upstream.start({ certificate: await arena.authority.issue(["inner"]), host: "0.0.0.0" });
  udp = createSocket("udp4");
  udp.on("message", (message) => datagrams.push(message.toString("latin1")));
  udp.bind(inner.port, "0.0.0.0");
  await once(udp, "listening");
  arena.names.zone = () => ["203.0.113.9"];
  for (const [name, allowNet] of Object.entries({ listed: ["api.test.example"], open: undefined })) {
    const attacker = await arena.attacker(allowNet ? { allowNet } : {});
    runs[name] = { attacker, outcomes: await attacker.run("other_ways.py", MARK, HOST, String(inner.port)) };
  }
});
after(async () => {
  udp?.close();
  await inner?.[Symbol.asyncDispose]();
  await arena?.[Symbol.asyncDispose]();
});

for (const name of ["listed", "open"]) {
  describe(`with ${name === "open" ? "no" : "an"} allow list`, () => {
    const outcomes = () => runs[name]!.outcomes;

    test("there is no device that leads out", () => {
      const { links, virtio, vsock } = outcomes().devices as {
        links: string[];
        virtio: Record<string, string>;
        vsock: boolean;
      };
      assert.deepEqual(
        links.filter((link) => link !== "lo" && link !== "tun0"),
        [],
      );
      assert.deepEqual(
        Object.values(virtio).filter((device) => NETWORK_DEVICES.includes(device)),
        [],
      );
      assert.equal(vsock, false);
    });

    test("nobody answers a datagram or a ping that went out", () => {
      for (const [attempt, outcome] of Object.entries(outcomes())) {
        if (attempt.startsWith("udp_")) assert.equal(outcome.received, undefined, attempt);
      }
    });

    test("packets of other kinds, broken ones and fragments were taken without harm", () => {
      for (const attempt of ["protocols_of_ip", "spoofed_sources", "fragments", "broken_packets"])
        assert.ok(Number(outcomes()[attempt]?.sent) > 0, JSON.stringify(outcomes()[attempt]));
      assert.equal(outcomes().still_works?.status, 200, JSON.stringify(outcomes().still_works));
    });

    test("the host cannot be reached with other addresses and routes", () => {
      assert.ok(outcomes().rules_flushed?.error, JSON.stringify(outcomes().rules_flushed));
      assert.ok(outcomes().tcp_to_the_host?.error, JSON.stringify(outcomes().tcp_to_the_host));
    });

    test("refusals of UDP are on record with their reason", async () => {
      const events = (await arena.events(runs[name]!.attacker.id, "connection")).filter(
        ({ data }) => data.protocol === "udp",
      );
      assert.ok(
        events.some(({ data }) => data.verdict === "denied" && data.reason),
        JSON.stringify(events.map(({ data }) => data).slice(0, 5)),
      );
    });
  });
}

test("under an allow list UDP is refused, not swallowed", () => {
  for (const attempt of [
    "udp_allowed_port",
    "udp_denied_port",
    "udp_public_port",
    "udp_public_v6_port",
    "udp_host_port",
  ]) {
    assert.equal(
      runs.listed?.outcomes[attempt]?.error,
      "ECONNREFUSED",
      `${attempt} ${JSON.stringify(runs.listed?.outcomes[attempt])}`,
    );
  }
});

test("no datagram and no byte reached this computer", () => {
  assert.deepEqual(
    datagrams.filter((text) => text.includes(MARK)),
    [],
  );
  assert.deepEqual(
    inner.connections.map(({ text }) => text),
    [],
  );
  assert.ok(!arena.sent.includes(MARK));
});

test("the server and its processes live", () => {
  assert.ok(isAlive(arena.server.pid));
  assert.ok(!/unexpected|panic|uncaught/i.test(arena.server.log), arena.server.log.slice(-2_000));
});
