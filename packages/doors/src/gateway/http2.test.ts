/** Clients over HTTP/2 that leave requests open, reset them, or stay idle. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type ClientHttp2Stream, connect as connectHttp2, constants, type ServerHttp2Session } from "node:http2";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { after, before, describe, test } from "node:test";
import { getHttp2, TestGateway } from "../testing/gateway.ts";
import { http2Server } from "./http2.ts";
import { Sites } from "./sites.ts";

const KiB = 1024;

describe("HTTP/2", async () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await TestGateway.start();
    await gateway.serve("quick", (_request, response) => response.end("quick"));
    await gateway.serve("large", (_request, response) => response.end("x".repeat(1_000_000)));
  });
  after(() => gateway[Symbol.asyncDispose]());

  /** Resolves with a response once its stream has ended, which the server must do. */
  async function ended(stream: ClientHttp2Stream): Promise<{ status: number; bytes: number }> {
    let bytes = 0;
    stream.on("data", (chunk: Buffer) => (bytes += chunk.length));
    const [[headers]] = await Promise.all([once(stream, "response"), once(stream, "end"), once(stream, "close")]);
    assert.equal(stream.rstCode, constants.NGHTTP2_NO_ERROR);
    return { status: headers[":status"], bytes };
  }

  test("a request ends with its response, whatever the client leaves open of its body", async () => {
    const session = await gateway.http2("quick");
    const authority = { ":authority": `nobody.doors.test:${gateway.port}` };
    for (const [headers, status] of [
      [{ ":method": "POST" }, 200],
      [{ ":method": "POST", ...authority }, 421],
      [{ ":method": "POST", ":authority": "127.0.0.1" }, 421],
      [{ ":method": "POST", expect: "more" }, 417],
      [{ ":method": "CONNECT", ":authority": "x:1" }, 405],
    ] as const) {
      const stream = session.request(
        { ...(headers[":method"] !== "CONNECT" && { ":path": "/" }), ...headers },
        {
          endStream: false,
        },
      );
      stream.on("error", () => {});
      stream.write(Buffer.alloc(60 * KiB));
      assert.equal((await ended(stream)).status, status, JSON.stringify(headers));
    }
    const nobody = (await gateway.http2("nobody")).request({ ":method": "POST", ":path": "/" }, { endStream: false });
    nobody.write(Buffer.alloc(60 * KiB));
    assert.equal((await ended(nobody)).status, 404);
  });

  test("a long response arrives whole, also if the request's body does not end", async () => {
    const stream = (await gateway.http2("large")).request({ ":method": "POST", ":path": "/" }, { endStream: false });
    stream.write("x");
    assert.deepEqual(await ended(stream), { status: 200, bytes: 1_000_000 });
  });

  test("a request whose body nobody reads ends with its response", async () => {
    await using narrow = await TestGateway.start({ maxOpen: 2 });
    for (const name of ["closing", "waiting"]) {
      await narrow.serveBare(name, (socket) =>
        socket.once("readable", () => {
          socket.write("HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\n\r\nno!");
          if (name === "closing") socket.end();
        }),
      );
      const session = await narrow.http2(name);
      const post = async () => {
        const stream = session.request({ ":method": "POST", ":path": "/" }, { endStream: false });
        stream.end(Buffer.alloc(200 * KiB));
        return (await ended(stream)).status;
      };
      for (let at = 0; at < 3; at++) {
        let status = await post();
        // Only one may be open at once, and the last may take a moment to end.
        while (status === 503) status = await post();
        assert.equal(status, 413);
      }
    }
  });

  test("a request that is reset without an error ends in the sandbox, and what comes from there then does no harm", async () => {
    const { promise: guest, resolve } = Promise.withResolvers<Socket>();
    await gateway.serveBare("deaf", resolve);
    const session = await gateway.http2("deaf");
    const stream = session.request({ ":method": "POST", ":path": "/", expect: "100-continue" }, { endStream: false });
    stream.on("error", () => {});
    // More than fits anywhere, because the guest reads nothing.
    for (let at = 0; at < 4; at++) stream.write(Buffer.alloc(60 * KiB));
    const socket = await guest;
    await once(socket, "readable");
    stream.close(constants.NGHTTP2_NO_ERROR);
    await new Promise<void>((resolve) => session.ping(() => resolve()));
    socket.write("HTTP/1.1 100 Continue\r\n\r\n");
    await once(socket.resume(), "close");
    assert.equal((await getHttp2(await gateway.http2("quick"), { ":path": "/" })).body, "quick");
  });

  test("a connection that is idle ends, also if it was busy when that was last looked at", async () => {
    const sessions = new Set<ServerHttp2Session>();
    const answer = Promise.withResolvers<() => void>();
    const sites = new Sites({
      request() {},
      upgrade() {},
      http2: (_request, response) => answer.resolve(() => response.end()),
    });
    const server = http2Server(sites, sessions);
    const listener = createServer((socket) => server.emit("connection", socket)).listen(0, "127.0.0.1");
    await once(listener, "listening");
    const { port } = listener.address() as AddressInfo;
    const client = connectHttp2("http://x.test", { createConnection: () => connect(port, "127.0.0.1") });
    const stream = client.request({ ":path": "/" }).resume();
    const finish = await answer.promise;
    const [session] = sessions;
    session!.emit("timeout");
    assert.equal(session!.closed, false);
    finish();
    await once(stream, "close");
    const closed = once(client, "close");
    while (!session!.closed) {
      session!.emit("timeout");
      await new Promise(setImmediate);
    }
    await closed;
    listener.close();
  });
});
