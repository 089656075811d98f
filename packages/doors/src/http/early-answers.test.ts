/** Answers that come before the visitor has sent the whole request. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, describe, test } from "node:test";
import { TestGateway } from "../testing/gateway.ts";

const MiB = 1024 * 1024;

describe("an early answer", async () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await TestGateway.start();
    await gateway.serve("private", (_request, response) => response.end("private"), { token: Date.now() + 600_000 });
    await gateway.serveBare("refusing", (socket) =>
      socket.once("readable", () => socket.write("HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\n\r\nno!")),
    );
  });
  after(() => gateway[Symbol.asyncDispose]());

  test("ends the request: what the server has got of the body does not look complete", async () => {
    for (const version of ["http1", "http2"]) {
      const name = `early-${version}`;
      let received = "";
      const closed = Promise.withResolvers<void>();
      await gateway.serveBare(name, (socket) => {
        socket.setEncoding("latin1").on("data", (text: string) => {
          if (received === "") socket.write("HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\n\r\nno!");
          received += text;
        });
        socket.once("close", closed.resolve);
      });
      if (version === "http2") {
        const stream = (await gateway.http2(name)).request({ ":method": "POST", ":path": "/" }, { endStream: false });
        stream.write("part");
        await once(stream, "response");
        stream.resume().end();
      } else {
        const socket = await gateway.tls(name);
        socket.write(`POST / HTTP/1.1\r\nhost: ${name}.doors.test\r\ntransfer-encoding: chunked\r\n\r\n4\r\npart\r\n`);
        await once(socket, "data");
        socket.write("0\r\n\r\n");
      }
      await closed.promise;
      assert.doesNotMatch(received, /\r\n0\r\n\r\n$/, version);
    }
  });

  test("reaches a visitor who is still sending, and the connection goes on", async () => {
    for (const [name, expected] of [
      ["refusing", /^HTTP\/1\.1 413 .*no!$/s],
      ["private", /^HTTP\/1\.1 401 .*DOOR_TOKEN_REQUIRED/s],
      ["nobody", /^HTTP\/1\.1 404 .*DOOR_NOT_FOUND/s],
    ] as const) {
      const socket = await gateway.tls(name);
      const head = (more: string) => `POST / HTTP/1.1\r\nhost: ${name}.doors.test\r\n${more}\r\n`;
      socket.write(head(`content-length: ${16 * MiB}\r\n`));
      let answer = "";
      socket.setEncoding("latin1").on("data", (text) => (answer += text));
      socket.write(Buffer.alloc(MiB));
      while (!expected.test(answer)) await once(socket, "data");
      for (let sent = 1; sent < 16; sent++) if (!socket.write(Buffer.alloc(MiB))) await once(socket, "drain");
      answer = "";
      socket.write(head("content-length: 0\r\n"));
      while (!expected.test(answer)) await once(socket, "data");
      socket.destroy();
    }
  });
});
