/** HTTP/2 upstreams that close in the middle of exchanges: each exchange ends, and complete responses arrive. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { type ClientHttp2Session, connect } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { after, before, describe, test } from "node:test";
import { Certificates, Lab } from "../../testing/lab.ts";
import { block, DATA, END_HEADERS, END_STREAM, HEADERS, http2Frame, serveFrames } from "../../testing/raw-http2.ts";
import { type Recorder, upstream } from "../../testing/upstreams.ts";

const UPLOAD = Buffer.alloc(3_000_000, "x");
/** Frames of 16 KiB that a window of HTTP/2 has room for, the last of which is cut short. */
const WINDOW_FRAMES = 4;
const ROUNDS = 5;
/** Less than the window that is granted, more than what is read ahead. */
const LONG = Buffer.alloc(900_000, "y");

function answer(stream: number, status: string, body: Buffer): Buffer {
  const parts = Array.from({ length: Math.ceil(body.length / 16_384) }, (_, at) =>
    http2Frame(DATA, 0, stream, body.subarray(at * 16_384, (at + 1) * 16_384)),
  );
  return Buffer.concat([
    http2Frame(HEADERS, END_HEADERS, stream, block([[":status", status]])),
    ...parts,
    http2Frame(DATA, END_STREAM, stream),
  ]);
}

for (const scheme of ["https", "http"] as const) {
  describe(`an upstream of HTTP/2 over ${scheme}`, { timeout: 60_000 }, () => {
    let dir: string;
    let odd: Recorder;
    let lab: Lab;
    let take: (socket: Duplex, type: number, stream: number, frames: number) => void;

    before(async () => {
      dir = await mkdtemp(join(tmpdir(), "egress-ca-"));
      const certificates = await Certificates.make(dir);
      odd = await upstream(
        (socket) => {
          let frames = 0;
          serveFrames(socket, (type, stream) => take(socket, type, stream, (frames += type === DATA ? 1 : 0)));
        },
        scheme === "https" ? { tls: await certificates.contextFor("odd.test"), alpn: ["h2"] } : {},
      );
      lab = await Lab.start(certificates, { hosts: { "odd.test": odd.port } });
    });

    after(async () => {
      await lab[Symbol.asyncDispose]();
      await odd[Symbol.asyncDispose]();
      await rm(dir, { recursive: true });
    });

    const client = async (): Promise<ClientHttp2Session> => {
      const carrier =
        scheme === "https"
          ? await lab.openTls("odd.test", 443, { ALPNProtocols: ["h2"] })
          : await lab.open("odd.test", 80);
      return connect(`${scheme}://odd.test`, { createConnection: () => carrier }).on("error", () => undefined);
    };

    const ask = async (
      session: ClientHttp2Session,
      body: Buffer | null,
      ready: () => Promise<void> = async () => undefined,
    ): Promise<{ status: unknown; text: string }> => {
      const stream = session.request({ ":method": body ? "POST" : "GET", ":path": "/" });
      let status: unknown;
      let text = "";
      stream.on("error", () => undefined).on("response", (headers) => (status = headers[":status"]));
      const closed = once(stream, "close");
      if (body) stream.end(body);
      await once(stream, "response");
      await ready();
      stream.on("data", (chunk: Buffer) => (text += chunk.toString()));
      await closed;
      return { status, text };
    };

    test("that ends its side while an upload waits for its window fails the upload", async () => {
      take = (socket, type, _stream, frames) => type === DATA && frames === WINDOW_FRAMES && socket.end();
      const session = await client();
      const { status, text } = await ask(session, UPLOAD);
      assert.equal(status, 502);
      assert.match(text, /ECONNRESET/);
      session.destroy();
    });

    for (const [what, end] of [
      ["ends its side", (socket: Duplex) => socket.end()],
      ["resets the connection", (socket: Duplex) => socket.destroy()],
    ] as const) {
      test(`that answers and ${what} during an upload gets its answer through, and the upload ends`, async () => {
        take = (socket, type, stream, frames) => {
          if (type !== DATA || frames !== 1) return;
          socket.write(answer(stream, "413", Buffer.from("too much")));
          end(socket);
        };
        for (let round = 0; round < ROUNDS; round++) {
          const session = await client();
          assert.deepEqual(await ask(session, UPLOAD), { status: 413, text: "too much" }, `round ${round}`);
          session.destroy();
        }
      });
    }

    test("that answers and ends its side gets all of its answer to a guest that is slow to read", async () => {
      const ended = Promise.withResolvers<void>();
      take = (socket, type, stream) => {
        if (type !== HEADERS) return;
        socket.write(answer(stream, "200", LONG));
        socket.end(() => ended.resolve());
      };
      const session = await client();
      const { status, text } = await ask(session, null, () => ended.promise);
      assert.deepEqual([status, text.length], [200, LONG.length]);
      session.destroy();
    });

    test("that ends its side between requests ends the guest's connection as well", async () => {
      take = (socket, type, stream) => {
        if (type !== HEADERS) return;
        socket.write(answer(stream, "200", Buffer.from("fine")));
        setImmediate(() => socket.end());
      };
      const session = await client();
      const closed = once(session, "close");
      assert.deepEqual(await ask(session, null), { status: 200, text: "fine" });
      await closed;
    });
  });
}
