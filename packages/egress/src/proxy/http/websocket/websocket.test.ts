import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { after, before, describe, test } from "node:test";
import { FrameReader, frame } from "../../testing/frames.ts";
import { Certificates, Lab } from "../../testing/lab.ts";
import { httpUpstream, type Recorder } from "../../testing/upstreams.ts";

const VALUE = "sk-live-4242-very-secret";
const KEY = Buffer.alloc(16, 7).toString("base64");

function handshake(host: string, extra = ""): string {
  return `GET /socket?room=1 HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${KEY}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Extensions: permessage-deflate\r\n${extra}\r\n`;
}

/** Sends a handshake and gives the head of the answer. */
async function open(stream: Duplex, request: string): Promise<string> {
  stream.write(request);
  let head = "";
  while (!head.includes("\r\n\r\n")) head += String((await once(stream, "data"))[0]);
  return head;
}

describe("WebSockets", () => {
  let dir: string;
  let api: Recorder;
  let lab: Lab;

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "egress-ca-"));
    const certificates = await Certificates.make(dir);
    api = await httpUpstream(
      (_request, response) => void response.writeHead(403).end("no"),
      { tls: await certificates.contextFor("api.test"), alpn: ["http/1.1"] },
      (server) => {
        server.on("upgrade", (request, socket: Duplex) => {
          if (request.url === "/no")
            return socket.end(
              "HTTP/1.1 401 Unauthorized\r\nContent-Length: 4\r\nx-echo: " +
                request.headers.authorization +
                "\r\n\r\nnope",
            );
          const accept = createHash("sha1")
            .update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
            .digest("base64");
          socket.write(
            `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
          );
          const reader = new FrameReader((one) => {
            // Each message comes back in two parts, with a ping between.
            if (one.opcode >= 8) return void socket.write(frame(one.opcode, one.payload));
            const cut = one.payload.length >> 1;
            socket.write(frame(one.opcode, one.payload.subarray(0, cut), { final: false }));
            socket.write(frame(9, Buffer.from("ping")));
            socket.write(frame(0, one.payload.subarray(cut), { final: one.final }));
          });
          socket.on("data", (chunk: Buffer) => reader.push(chunk));
          socket.on("end", () => socket.end());
        });
      },
    );
    lab = await Lab.start(certificates, {
      hosts: { "api.test": api.port },
      secrets: [{ name: "KEY", value: VALUE, hosts: ["api.test"], inBody: true }],
    });
  });

  after(async () => {
    await lab[Symbol.asyncDispose]();
    await api[Symbol.asyncDispose]();
    await rm(dir, { recursive: true });
  });

  test("carry messages, with secrets put in and taken out though they come in parts", async () => {
    const placeholder = lab.placeholders.KEY!;
    const tls = await lab.openTls("api.test", 443);
    const head = await open(tls, handshake("api.test", `Authorization: Bearer ${placeholder}\r\n`));
    assert.match(head, /^HTTP\/1\.1 101 /);
    const { promise, resolve } = Promise.withResolvers<string>();
    const pings: string[] = [];
    let text = "";
    const reader = new FrameReader(({ opcode, payload, final }) => {
      if (opcode >= 8) return void pings.push(payload.toString());
      text += payload.toString();
      if (final) resolve(text);
    });
    tls.on("data", (chunk: Buffer) => reader.push(chunk));
    // Split within the placeholder, and sent byte by byte.
    const message = Buffer.concat([
      frame(1, Buffer.from(`key=${placeholder.slice(0, 40)}`), { mask: true, final: false }),
      frame(0, Buffer.from(`${placeholder.slice(40)}!`), { mask: true }),
    ]);
    for (const byte of message) tls.write(Buffer.from([byte]));
    assert.equal(await promise, `key=${placeholder}!`);
    assert.ok(pings.includes("ping"));
    tls.write(frame(8, Buffer.from([3, 232]), { mask: true }));
    tls.end();
    await once(tls, "close");
    const [event] = await lab.reports(1);
    assert.ok(event?.kind === "http");
    assert.deepEqual(
      [event.protocol, event.status, event.secrets, event.path, event.query, event.verdict],
      ["websocket", 101, ["KEY"], "/socket", ["room"], "allowed"],
    );
    assert.ok(api.received().includes(`Bearer ${VALUE}`));
    assert.ok(!api.received().includes("permessage-deflate"));
  });

  test("whose handshake is turned down give the answer, without the secret", async () => {
    const tls = await lab.openTls("api.test", 443);
    const head = await open(
      tls,
      handshake("api.test", `Authorization: ${lab.placeholders.KEY}\r\n`).replace("/socket?room=1", "/no"),
    );
    assert.match(head, /^HTTP\/1\.1 401 /);
    assert.ok(head.includes(`x-echo: ${lab.placeholders.KEY}`));
  });

  test("for another host are refused", async () => {
    const before = api.received().length;
    const tls = await lab.openTls("api.test", 443);
    assert.match(await open(tls, handshake("evil.test")), /^HTTP\/1\.1 403 /);
    assert.ok(!api.received().slice(before).includes("evil"));
  });

  test("with frames that are none are cut", async () => {
    const tls = await lab.openTls("api.test", 443);
    await open(tls, handshake("api.test"));
    tls.write(frame(1, Buffer.from("not masked")));
    if (!tls.destroyed) await once(tls, "close");
    assert.ok(!api.received().includes("not masked"));
  });
});
