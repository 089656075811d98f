/** Request rules apply to WebSockets: whether one may be opened, and how much may be sent over it. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { after, afterEach, before, describe, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import type { RequestRule } from "../../../contract.ts";
import { fc, property } from "../../../testing/property.ts";
import { type Frame, FrameReader, frame } from "../../testing/frames.ts";
import { Certificates, Lab } from "../../testing/lab.ts";
import { httpUpstream, type Recorder } from "../../testing/upstreams.ts";

const KEY = Buffer.alloc(16, 7).toString("base64");
const handshake = (path = "/chat") =>
  `GET ${path} HTTP/1.1\r\nHost: chat.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${KEY}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n`;
const PING = 9;

describe("a WebSocket to a host that rules are for", () => {
  let dir: string;
  let certificates: Certificates;
  let chat: Recorder;
  /** Payloads that the upstream got, in order, of the last connection. */
  let got: Frame[] = [];
  let lab: Lab | null = null;

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "egress-ca-"));
    certificates = await Certificates.make(dir);
    chat = await httpUpstream(
      (_request, response) => void response.end("no WebSocket"),
      { tls: await certificates.contextFor("chat.test"), alpn: ["http/1.1"] },
      (server) => {
        server.on("upgrade", (request, socket: Duplex) => {
          got = [];
          const accept = createHash("sha1")
            .update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
            .digest("base64");
          socket.write(
            `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
          );
          const mine: Frame[] = got;
          const reader = new FrameReader((one) => {
            mine.push(one);
            // What comes down is not bounded.
            if (one.opcode < 8) socket.write(frame(2, Buffer.alloc(1_000)));
          });
          socket.on("data", (chunk: Buffer) => reader.push(chunk)).on("end", () => socket.end());
        });
      },
    );
  });
  afterEach(async () => {
    await lab?.[Symbol.asyncDispose]();
    lab = null;
  });
  after(async () => {
    await chat[Symbol.asyncDispose]();
    await rm(dir, { recursive: true });
  });

  /** Opens one; gives the head of the answer, the connection, and the close frame that it ends with, once it has. */
  const open = async (rules: RequestRule[], path?: string) => {
    if (lab) lab.update({ rules });
    else lab = await Lab.start(certificates, { hosts: { "chat.test": chat.port }, policy: { rules } });
    const tls = await lab.openTls("chat.test", 443);
    tls.write(handshake(path));
    const [first] = (await once(tls, "data")) as [Buffer];
    const end = first.indexOf("\r\n\r\n") + 4;
    let close: Frame | null = null;
    const reader = new FrameReader((one) => {
      if (one.opcode === 8) close = one;
    });
    reader.push(first.subarray(end));
    tls.on("data", (chunk: Buffer) => reader.push(chunk));
    const closed = new Promise<Frame | null>((resolve) =>
      tls.once("end", () => resolve(close)).once("close", () => resolve(close)),
    );
    return { head: first.subarray(0, end).toString(), status: Number(first.toString("latin1", 9, 12)), tls, closed };
  };
  const sent = () => got.reduce((sum, { payload }) => sum + payload.length, 0);

  for (const [what, rules, status] of [
    ["no rule says so", [{ host: "chat.test", methods: ["GET"] }], 403],
    [
      "a rule for another path says so",
      [
        { host: "chat.test", methods: ["GET"] },
        { host: "chat.test", paths: ["/other"], websocket: true },
      ],
      403,
    ],
    ["a rule for another method says so", [{ host: "chat.test", methods: ["POST"], websocket: true }], 403],
    ["a rule says that there is none", [{ host: "chat.test", websocket: false }], 403],
    [
      "a rule says so",
      [
        { host: "chat.test", methods: ["GET"] },
        { host: "chat.test", methods: ["GET"], paths: ["/chat"], websocket: true },
      ],
      101,
    ],
    ["the rule is for another host", [{ host: "other.test", methods: ["GET"] }], 101],
  ] as [string, RequestRule[], number][]) {
    test(`is answered with ${status} where ${what}`, async () => {
      const from = chat.received().length;
      const { head, status: answered } = await open(rules);
      assert.equal(answered, status, head);
      if (status === 403) assert.equal(chat.received().slice(from), "");
    });
  }

  test("has no compression, which could not be counted", async () => {
    const from = chat.received().length;
    await open([{ host: "chat.test", websocket: true, maxRequestBytes: 100 }]);
    assert.ok(!chat.received().slice(from).includes("permessage-deflate"));
  });

  test("carries what the rule permits, however it is cut, and is ended with a reason before more of it leaves", async () => {
    const { tls, closed } = await open([{ host: "chat.test", websocket: true, maxRequestBytes: 20 }]);
    tls.write(frame(1, Buffer.from("12345"), { mask: true, final: false }));
    tls.write(frame(PING, Buffer.from("12345"), { mask: true }));
    tls.write(frame(0, Buffer.from("1234567890"), { mask: true }));
    while (sent() < 20) await turn();
    tls.write(frame(2, Buffer.from("x"), { mask: true }));
    const close = await closed;
    assert.equal(close?.payload.readUInt16BE(0), 1008);
    assert.match(
      close.payload.toString("utf8", 2),
      /More was sent over the WebSocket than this sandbox's request rules permit\./,
    );
    assert.equal(sent(), 20);
    const event = (await lab!.reports(1))[0]!;
    assert.ok(event.kind === "http");
    assert.deepEqual(
      [event.protocol, event.verdict, event.status, event.rule],
      ["websocket", "denied", 101, "chat.test websocket ≤20 B"],
    );
  });

  test("has each message counted as a request", async () => {
    const rules = [{ host: "chat.test", websocket: true, requestsPerMinute: 3 }];
    const { tls, closed } = await open(rules);
    for (const text of ["one", "two"]) tls.write(frame(1, Buffer.from(text), { mask: true }));
    while (got.length < 2) await turn();
    tls.write(frame(PING, Buffer.from("not a message"), { mask: true }));
    tls.write(frame(1, Buffer.from("three"), { mask: true }));
    assert.match(String((await closed)?.payload), /too many messages/);
    assert.deepEqual(
      got.map(({ payload }) => payload.toString()),
      ["one", "two", "not a message"],
    );
    assert.equal((await open(rules)).status, 429);
  });

  test("never has more sent than the rule permits, whatever the frames are", () => {
    const part = fc.record({ size: fc.nat(300), control: fc.boolean(), final: fc.boolean() });
    return property(
      [fc.nat(600), fc.array(part, { minLength: 1, maxLength: 8 })],
      async (limit, parts) => {
        const { tls, closed } = await open([{ host: "chat.test", websocket: true, maxRequestBytes: limit }]);
        let total = 0;
        let open_ = false;
        for (const { size, control, final } of parts) {
          const bytes = control ? Math.min(size, 125) : size;
          total += bytes;
          tls.write(
            control
              ? frame(PING, Buffer.alloc(bytes), { mask: true })
              : frame(open_ ? 0 : 2, Buffer.alloc(bytes), { mask: true, final }),
          );
          if (!control) open_ = !final;
        }
        if (total > limit) await closed;
        else {
          while (sent() < total && !tls.destroyed) await turn();
          tls.destroy();
        }
        assert.ok(sent() <= limit, `${sent()} of ${limit}`);
      },
      { runs: 50 },
    );
  });
});
