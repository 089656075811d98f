/** Visitors of doors whose sandbox has to be woken first. */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { IncomingMessage, Server } from "node:http";
import { constants } from "node:http2";
import type { Socket } from "node:net";
import { after, before, describe, test } from "node:test";
import { NotWoken } from "../contract.ts";
import { getHttp2, TestGateway } from "../testing/gateway.ts";

describe("visitors of a sandbox that has to be woken", async () => {
  let gateway: TestGateway;
  let server: Server;
  before(async () => {
    gateway = await TestGateway.start();
    server = await gateway.serve("asleep", async (request, response) => {
      let bytes = 0;
      for await (const chunk of request) bytes += (chunk as Buffer).length;
      response.end(`${bytes}`);
    });
    server.on("upgrade", (_request, socket: Socket) =>
      socket.write("HTTP/1.1 101 x\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\nhello"),
    );
    await gateway.serve("private", (_request, response) => response.end("in"), { token: Date.now() + 60_000 });
  });
  after(() => gateway[Symbol.asyncDispose]());

  function hold() {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    promise.catch(() => {});
    gateway.doors.waking = promise;
    const over = gateway.doors.asked();
    return { over, resolve: () => void ((gateway.doors.waking = null), resolve()), reject };
  }

  test("get their answer then, with bodies, over HTTP/2 and as WebSockets", async () => {
    const body = "x".repeat(300_000);
    const { resolve, over } = hold();
    const answers = Promise.all([
      gateway.get("asleep", { method: "POST" }, body),
      getHttp2(await gateway.http2("asleep"), { ":path": "/", ":method": "POST" }, body),
      gateway.upgrade("asleep"),
    ]);
    await over(3);
    resolve();
    const [first, second, third] = await answers;
    assert.deepEqual([first.body, second.body], ["300000", "300000"]);
    assert.equal(String((await once(third.socket!, "data"))[0]), "hello");
  });

  test("are told why it could not be woken, and when to come again", async () => {
    const { reject, over } = hold();
    const answers = Promise.all([gateway.get("asleep"), gateway.upgrade("asleep")]);
    await over(2);
    reject(new NotWoken("It is paused.", 39_001));
    for (const { status, headers } of [(await answers)[0], (await answers)[1].got!])
      assert.deepEqual([status, headers["retry-after"]], [503, "40"]);
    const page = await gateway.get("asleep", { headers: { accept: "text/html" } });
    assert.match(page.body, /<meta http-equiv="refresh" content="40">/);
  });

  test("who leave before that are forgotten: nothing of theirs reaches the server", async () => {
    const asked: string[] = [];
    const reached = (request: IncomingMessage) => void asked.push(request.url!);
    server.on("request", reached).on("upgrade", reached);
    const { resolve, over } = hold();
    const left = gateway.doors.asked("gone");
    const half = await gateway.tls("asleep");
    half.write("POST /half HTTP/1.1\r\nhost: asleep.doors.test\r\ncontent-length: 1000\r\n\r\nsome");
    const socket = await gateway.tls("asleep");
    socket.write("GET /socket HTTP/1.1\r\nhost: asleep.doors.test\r\n");
    socket.write(
      "connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
    );
    const session = await gateway.http2("asleep");
    const stream = session.request({ ":path": "/stream", ":method": "POST" });
    stream.on("error", () => {}).write("some");
    await over(3);
    half.destroy();
    socket.end();
    stream.close(constants.NGHTTP2_CANCEL);
    await left(3);
    resolve();
    assert.equal((await gateway.get("asleep")).status, 200);
    assert.deepEqual(asked, ["/"]);
    session.close();
  });

  test("do not pass if the door has closed by then, or its token has ended", async () => {
    const { resolve, over } = hold();
    const headers = { "x-sandkeep-token": "token" };
    const answers = Promise.all([gateway.get("private", { headers }), gateway.upgrade("private", "/", headers)]);
    await over(2);
    gateway.doors.revoke("private.doors.test", "token");
    resolve();
    assert.deepEqual([(await answers)[0].status, (await answers)[1].got!.status], [401, 401]);
    const again = hold();
    const gone = gateway.get("asleep");
    await again.over(1);
    gateway.doors.close("asleep.doors.test");
    again.resolve();
    assert.equal((await gone).status, 404);
    // A name that leads to another sandbox by then: that one may be paused, too.
    gateway.doors.open("moves.doors.test", 1);
    const third = hold();
    const moved = gateway.get("moves");
    await third.over(1);
    gateway.doors.open("moves.doors.test", 1);
    third.resolve();
    const { status, headers: told } = await moved;
    assert.deepEqual([status, told["retry-after"]], [503, "1"]);
  });
});
