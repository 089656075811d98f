/** Clients over HTTP/1 that send requests before they have the responses to earlier ones. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { after, before, describe, test } from "node:test";
import { TestGateway } from "../testing/gateway.ts";

describe("pipelining", async () => {
  let gateway: TestGateway;
  /** How many requests the silent server has, which it never answers. */
  let silent = 0;
  before(async () => {
    gateway = await TestGateway.start();
    await gateway.serve("quick", ({ url }, response) => response.end(url));
    await gateway.serve("silent", (_request, response) => {
      silent++;
      response.once("close", () => silent--);
    });
  });
  after(() => gateway[Symbol.asyncDispose]());

  const host = (name: string) => `host: ${name}.doors.test\r\n`;
  const upgrade = (name: string) => `GET / HTTP/1.1\r\n${host(name)}connection: Upgrade\r\nupgrade: websocket\r\n\r\n`;
  const isServing = async () => assert.equal((await gateway.get("quick", { path: "/still" })).body, "/still");

  test("requests in a row are answered in their order", async () => {
    const get = (path: string, more = "") => `GET ${path} HTTP/1.1\r\n${host("quick")}${more}\r\n`;
    const answer = await gateway.raw("quick", get("/one") + get("/two") + get("/three", "connection: close\r\n"));
    assert.deepEqual(answer.match(/\/[a-z]+/g), ["/one", "/two", "/three"]);
  });

  test("an upgrade before the response to an earlier request ends the connection, and nothing else", async () => {
    for (const [name, first] of [
      ["nobody", `GET / HTTP/1.1\r\n${host("nobody")}\r\n`],
      ["quick", `GET / HTTP/1.1\r\n${host("quick")}\r\n`],
      ["silent", `GET / HTTP/1.1\r\n${host("silent")}\r\n`],
      // Node answers these by itself.
      ["quick", "GET / HTTP/1.1\r\n\r\n"],
      ["quick", `GET / HTTP/1.1\r\n${host("quick")}expect: more\r\n\r\n`],
    ] as const) {
      const answer = await gateway.raw(name, first + upgrade(name));
      assert.doesNotMatch(answer, /101 Switching/, first);
      await isServing();
    }
  });

  test("over plain HTTP, too", async () => {
    const socket = connect(gateway.port, "127.0.0.1");
    socket.write(`GET / HTTP/1.1\r\n${host("nobody")}\r\n${upgrade("nobody")}`);
    await once(socket.on("error", () => {}).resume(), "close");
    await isServing();
  });

  test("all requests of a connection end with it, also those whose turn has not come", async () => {
    const get = `GET / HTTP/1.1\r\n${host("silent")}\r\n`;
    for (const last of ["", upgrade("silent")]) {
      const socket = await gateway.tls("silent");
      socket.write(get.repeat(3));
      while (silent < 3) await new Promise(setImmediate);
      if (last) socket.write(last);
      else socket.destroy();
      while (silent > 0) await new Promise(setImmediate);
    }
  });

  test("a malformed request is not answered in place of an earlier one", async () => {
    const answer = await gateway.raw("silent", `GET / HTTP/1.1\r\n${host("silent")}\r\nnonsense\r\n\r\n`);
    assert.equal(answer, "");
  });

  test("more of them than any client sends end the connection", async () => {
    const get = `GET / HTTP/1.1\r\n${host("silent")}\r\n`;
    assert.equal(await gateway.raw("silent", get.repeat(40)), "");
    await isServing();
  });
});
