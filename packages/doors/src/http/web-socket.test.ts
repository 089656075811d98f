/** WebSockets through doors. */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { Socket } from "node:net";
import { after, before, describe, test } from "node:test";
import { TestGateway } from "../testing/gateway.ts";

describe("WebSockets through a door", async () => {
  let gateway: TestGateway;
  const behind: Socket[] = [];
  before(async () => {
    gateway = await TestGateway.start();
    const server = await gateway.serve("echo", (_request, response) => response.writeHead(426).end("upgrade please"));
    server.on("upgrade", (request, socket: Socket) => {
      socket.on("error", () => {});
      behind.push(socket);
      if (request.url === "/refused") return socket.end("HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno");
      if (request.url === "/garbage") return socket.end("nonsense\r\n\r\n");
      if (request.url === "/gone") return socket.destroy();
      if (request.url === "/other")
        return socket.end("HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n");
      const accept = `sec-websocket-accept: ${request.headers["sec-websocket-key"]}`;
      socket.write(`HTTP/1.1 101 Switching\r\nconnection: Upgrade\r\nupgrade: websocket\r\n${accept}\r\n\r\nhello`);
      socket.pipe(socket);
    });
  });
  after(() => gateway[Symbol.asyncDispose]());

  test("bytes go both ways, from the first on", async () => {
    const { socket } = await gateway.upgrade("echo");
    assert.equal(String((await once(socket!, "data"))[0]), "hello");
    socket!.write("ping");
    assert.equal(String((await once(socket!, "data"))[0]), "ping");
    const [closed] = [once(behind.at(-1)!, "close")];
    socket!.destroy();
    await closed;
  });

  test("a development server that looks where a page comes from, such as Next.js, sees the door's own address", async () => {
    const seen: [string | undefined, string | undefined, string | undefined][] = [];
    const server = await gateway.serve("next", (_request, response) => response.end());
    // As its check of requests for /_next: the page's host has to be the server's own, or a name that is listed.
    server.on("upgrade", ({ url, headers }, socket: Socket) => {
      seen.push([url, headers.origin, headers.host]);
      const own = new URL(headers.origin ?? "about:blank").host === headers.host;
      socket.end(`HTTP/1.1 ${own ? "101 x\r\nconnection: Upgrade\r\nupgrade: websocket" : "403 x"}\r\n\r\n`);
    });
    const own = `next.doors.test:${gateway.port}`;
    const path = "/_next/webpack-hmr?id=3Vx%2D&page=%2F";
    const { socket } = await gateway.upgrade("next", path, { origin: `https://${own}` });
    assert.ok(socket);
    const { got } = await gateway.upgrade("next", path, { origin: "https://elsewhere.example" });
    assert.equal(got!.status, 403, "that of another page is passed on, so that the server can refuse it");
    assert.deepEqual(seen, [
      [path, `https://${own}`, own],
      [path, "https://elsewhere.example", own],
    ]);
  });

  test("the end of one side ends the other", async () => {
    const { socket } = await gateway.upgrade("echo");
    behind.at(-1)!.destroy();
    await once(socket!.resume(), "close");
  });

  test("a visitor who leaves before the server answers is gone there, too", async () => {
    for (const leave of ["end", "destroy"] as const) {
      const asked = Promise.withResolvers<Socket>();
      await gateway.serveBare("silent", (socket) => socket.once("readable", () => asked.resolve(socket)));
      const visitor = await gateway.tls("silent");
      visitor.write("GET / HTTP/1.1\r\nhost: silent.doors.test\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n");
      const guest = await asked.promise;
      const closed = once(guest.resume(), "close");
      visitor[leave]();
      await closed;
    }
  });

  test("what a visitor sends before the server answers arrives after it", async () => {
    const asked = Promise.withResolvers<Socket>();
    await gateway.serveBare("slow", (socket) => socket.once("data", () => asked.resolve(socket)));
    const visitor = await gateway.tls("slow");
    visitor.write(
      "GET / HTTP/1.1\r\nhost: slow.doors.test\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\nearly, ",
    );
    const guest = await asked.promise;
    visitor.write("later, ");
    await new Promise(setImmediate);
    guest.write("HTTP/1.1 101 Switching\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n");
    await once(visitor, "data");
    visitor.write("last");
    let arrived = "";
    for await (const chunk of guest) if ((arrived += chunk).endsWith("last")) break;
    assert.equal(arrived, "early, later, last");
  });

  test("a refusal of the server arrives as it is", async () => {
    const { got } = await gateway.upgrade("echo", "/refused");
    assert.deepEqual([got!.status, got!.body], [403, "no"]);
  });

  test("nonsense instead of an answer is a bad gateway", async () => {
    for (const path of ["/garbage", "/gone", "/other"]) {
      const { got } = await gateway.upgrade("echo", path);
      assert.deepEqual([got!.status, JSON.parse(got!.body).code], [502, "DOOR_BAD_ANSWER"], path);
    }
  });

  test("where there is no door, or nothing listens, the reason is told", async () => {
    gateway.doors.open("early.doors.test", null);
    assert.equal((await gateway.upgrade("early")).got!.status, 502);
    assert.equal((await gateway.upgrade("nobody")).got!.status, 404);
  });

  test("when the door closes, so do they", async () => {
    const server = await gateway.serve("closing", () => {});
    server.on("upgrade", (_request, socket: Socket) =>
      socket.write("HTTP/1.1 101 Switching\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n"),
    );
    const { socket } = await gateway.upgrade("closing");
    const closed = once(socket!.resume(), "close");
    gateway.doors.close("closing.doors.test");
    await closed;
    assert.equal((await gateway.upgrade("closing")).got!.status, 404);
  });
});
