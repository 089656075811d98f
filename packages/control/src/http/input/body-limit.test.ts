import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { allowLongBody, limitBody } from "./body-limit.ts";

/** Answers each request once its body is there. */
async function serve(accept: (request: IncomingMessage) => void) {
  const server = createServer((request, response) => {
    accept(request);
    request.on("error", () => {});
    request.resume().once("end", () => response.end("whole"));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const send = (start: string) => {
    const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
    socket.write(`POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 4\r\n\r\n${start}`);
    return socket;
  };
  return {
    send,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

test("a body that does not arrive in time is refused, and one that did is answered however long that takes", async () => {
  await using server = await serve((request) => limitBody(request, 1));
  assert.match(await text(server.send("ab")), /^HTTP\/1\.1 408 [^]*REQUEST_TIMEOUT/);
  await using other = await serve((request) => limitBody(request, 60_000));
  assert.match(await text(other.send("abcd")), /^HTTP\/1\.1 200 [^]*whole/);
});

test("a body that may take long is not refused, until that is no longer needed", async () => {
  const allowed = Promise.withResolvers<Disposable>();
  await using server = await serve((request) => {
    limitBody(request, 1);
    allowed.resolve(allowLongBody(request));
  });
  const socket = server.send("ab");
  await allowed.promise;
  await new Promise((resolve) => setTimeout(resolve, 20));
  socket.write("cd");
  assert.match(await text(socket), /^HTTP\/1\.1 200 /);
  (await allowed.promise)[Symbol.dispose]();
});
