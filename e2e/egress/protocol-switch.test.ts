/** Class 11: a connection that begins with one protocol and continues with another. */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import type { Duplex } from "node:stream";
import { after, before, describe, test } from "node:test";
import { Arena } from "./fixture/arena.ts";
import { type Attacker, isDenied, isRefused, type Outcomes } from "./fixture/attacker.ts";

const API = "api.test.example";
const OTHER = "other.test.example";
const EVIL = "evil.test.example";
const MARK = `mark${randomBytes(8).toString("hex")}`;
/** From RFC 6455 §1.3. */
const WEBSOCKET_ID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

let arena: Arena;
let attacker: Attacker;
let outcomes: Outcomes;
before(async () => {
  arena = await Arena.open({
    upstreams: {
      [API]: {
        upgrade: (request, stream) => {
          if (request.url === "/refuse")
            return void stream.end("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
          const { upgrade = "anything", "sec-websocket-key": key = "" } = request.headers;
          const accept = createHash("sha1").update(`${key}${WEBSOCKET_ID}`).digest("base64");
          stream.write(
            `HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: ${upgrade}\r\nsec-websocket-accept: ${accept}\r\n\r\n`,
          );
          // The credential it was sent: in one text frame, then in a message of two.
          const text = Buffer.from(`seen ${request.headers.authorization}`);
          const half = text.length - 20;
          for (const [head, part] of [
            [0x81, text],
            [0x01, text.subarray(0, half)],
            [0x80, text.subarray(half)],
          ] as const)
            stream.write(Buffer.concat([Buffer.from([head, part.length]), part]));
          stream.resume();
        },
        handler: (request, response) => {
          if (request.url === "/switch_without_asking")
            response.writeHead(101, { connection: "upgrade", upgrade: "anything" });
          response.end("ok\n");
        },
      },
      [OTHER]: {
        upgrade: (_, stream) =>
          greet(stream, "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n"),
      },
      [EVIL]: {},
      "ssh.test.example": { raw: (stream) => greet(stream, "SSH-2.0-test\r\n") },
    },
  });
  attacker = await arena.attacker({
    allowNet: [API, OTHER, "ssh.test.example:22"],
    secrets: { API_KEY: { hosts: [API], value: arena.value } },
  });
  outcomes = await attacker.run("protocol_switch.py", MARK);
});
after(() => arena?.[Symbol.asyncDispose]());

test("an honest WebSocket works; its upgrade carries the value, and what comes back is the placeholder", () => {
  assert.equal(outcomes.honest_websocket?.status, 101, JSON.stringify(outcomes.honest_websocket));
  assert.ok(arena.upstream(API).text.includes(`Bearer ${arena.value}`));
  assert.match(String(outcomes.honest_websocket?.received), /seen Bearer DENO_SECRET_PLACEHOLDER_/);
  assert.ok(!JSON.stringify(outcomes).includes(arena.value));
  const messages = unmasked(Buffer.from(`\r\n\r\n${outcomes.honest_websocket?.received}`, "latin1"));
  assert.match(messages, /seen[^]*seen/);
  assert.ok(!messages.includes(arena.value), messages);
  assert.ok(!/sec-websocket-extensions/i.test(arena.upstream(API).text), "no compression that cannot be looked into");
});

test("frames to another host hold no value, whole or in fragments", () => {
  assert.ok(!arena.upstream(OTHER).text.includes(arena.value));
  for (const { bytes } of arena.upstream(OTHER).connections) assert.ok(!unmasked(bytes).includes(arena.value));
});

describe("403 is the answer to", () => {
  test("a WebSocket to a host that is not allowed", () =>
    isDenied(outcomes.websocket_to_denied, /evil\.test\.example/));
  test("an upgrade for another host", () => isDenied(outcomes.other_host_in_the_upgrade, /evil\.test\.example/));
});

test("CONNECT within CONNECT does not lead to where policy does not", () => {
  isRefused(outcomes.nested_connect);
  isRefused(outcomes.raw_inside_connect_to_denied_port);
  isRefused(outcomes.http_inside_connect);
  const { statuses = [200] } = outcomes.connect_in_connect_in_connect as { statuses?: number[] };
  assert.ok(
    outcomes.connect_in_connect_in_connect?.error || statuses.some((status) => status !== 200),
    JSON.stringify(outcomes.connect_in_connect_in_connect),
  );
});

test("upgrades to anything but WebSocket do not happen", () => {
  for (const name of ["upgrade_to_anything", "upgrade_to_h2c", "upgrade_to_tls"])
    assert.doesNotMatch(String(outcomes[name]?.received), /^HTTP\/1\.1 101/, name);
  assert.doesNotMatch(String(outcomes.switched_without_being_asked?.received), /^HTTP\/1\.1 101/);
});

test("on the ports of HTTP nothing else is taken to a host that is not allowed", () => {
  for (const [name, outcome] of Object.entries(outcomes)) {
    if (name.endsWith("_to_denied") && name.startsWith("on_"))
      assert.ok(outcome.error || !/^(SSH|ok)/.test(String(outcome.received)), `${name} ${JSON.stringify(outcome)}`);
  }
  assert.equal(outcomes.ssh_on_22_to_denied?.error, "ECONNREFUSED");
  assert.match(String(outcomes.ssh_on_22_to_allowed?.received), /^SSH-2\.0-test/);
});

test("what is inside intercepted TLS must be HTTP", () => {
  for (const name of ["raw_in_tls", "tls_in_tls"])
    assert.ok(
      outcomes[name]?.error || /^HTTP\/1\.1 [45]|^$/.test(String(outcomes[name]?.received)),
      JSON.stringify(outcomes[name]),
    );
  assert.ok(
    !arena
      .upstream(API)
      .connections.some(({ text, tls }) => tls && text.includes(MARK) && !/^(GET|POST|OPTIONS) /.test(text)),
  );
});

test("no byte reached the host that is not allowed, and its name reached nobody", () => {
  assert.deepEqual(arena.upstream(EVIL).connections, []);
  for (const host of [API, OTHER]) {
    for (const { text } of arena.upstream(host).connections)
      assert.ok(!/^host: evil/im.test(text.split("\r\n\r\n", 1)[0]!), text);
  }
});

test("WebSockets are events of their own", async () => {
  const events = (await arena.events(attacker.id, "http")).map(({ data }) => data);
  assert.ok(
    events.some(
      ({ protocol, host, secrets }) =>
        protocol === "websocket" && host === API && (secrets as string[]).includes("API_KEY"),
    ),
    JSON.stringify(events.slice(0, 4)),
  );
  assert.ok(!JSON.stringify(events).includes(arena.value));
});

/** Sends something and reads the response. */
function greet(stream: Duplex, text: string): void {
  stream.write(text);
  stream.resume();
}

/** The content of frames: everything after the first empty line, unmasked. */
function unmasked(bytes: Buffer): string {
  let text = "";
  for (let at = bytes.indexOf("\r\n\r\n") + 4; at + 2 <= bytes.length; ) {
    const long = (bytes[at + 1]! & 127) === 126;
    const length = long ? bytes.readUInt16BE(at + 2) : bytes[at + 1]! & 127;
    const masked = bytes[at + 1]! >= 128;
    const start = at + (long ? 4 : 2);
    const from = start + (masked ? 4 : 0);
    const mask = masked ? bytes.subarray(start, from) : Buffer.alloc(4);
    text += Buffer.from(bytes.subarray(from, from + length).map((byte, index) => byte ^ mask[index % 4]!)).toString(
      "latin1",
    );
    at = from + length;
  }
  return text;
}
