/** Answers of servers behind doors that are not what was asked for, over each way in which a visitor can ask. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { getHttp2, TestGateway } from "../testing/gateway.ts";

describe("hostile answers", async () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await TestGateway.start();
    await gateway.serve("fine", (_request, response) => response.end("fine"));
  });
  after(async () => {
    assert.equal((await gateway.get("fine")).body, "fine");
    await gateway[Symbol.asyncDispose]();
  });

  const answering = (name: string, bytes: string) =>
    gateway.serveBare(name, (socket) => socket.once("data", () => socket.end(bytes, "latin1")));

  const REFUSED: Record<string, string> = {
    coding: "HTTP/1.1 403 No\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    identity: "HTTP/1.1 403 No\r\nTransfer-Encoding: identity\r\n\r\n",
    headers: `HTTP/1.1 403 No\r\n${"a: b\r\n".repeat(300)}content-length: 0\r\n\r\n`,
    control: "HTTP/1.1 403 No\r\na: b\x01c\r\ncontent-length: 0\r\n\r\n",
    phrase: "HTTP/1.1 403 \x01\x02\r\ncontent-length: 0\r\n\r\n",
    early: "HTTP/1.1 099 x\r\ncontent-length: 0\r\n\r\n",
    late: "HTTP/1.1 600 x\r\nset-cookie: a=1\r\ncontent-encoding: br\r\ncontent-length: 0\r\n\r\n",
    switching: "HTTP/1.1 101 Switching Protocols\r\n\r\n",
  };

  test("are a bad gateway for a request", async () => {
    for (const [name, bytes] of Object.entries(REFUSED)) {
      await answering(name, bytes);
      const got = await gateway.get(name);
      assert.equal(got.status, 502, `${name}: ${JSON.stringify(got)}`);
      assert.match(got.body, /"DOOR_BAD_ANSWER"/, `${name}: ${JSON.stringify(got)}`);
      const over2 = await getHttp2(await gateway.http2(name), { ":path": "/" });
      // It has no reason phrase.
      if (name !== "phrase") assert.match(`${over2.status} ${over2.body}`, /^502 .*"DOOR_BAD_ANSWER"/, name);
      for (const { headers } of [got, over2])
        assert.deepEqual([headers["set-cookie"], headers["content-encoding"]], [undefined, undefined]);
    }
  });

  test("are a bad gateway for a WebSocket", async () => {
    for (const [name, bytes] of Object.entries(REFUSED)) {
      await answering(`ws-${name}`, bytes);
      const { got } = await gateway.upgrade(`ws-${name}`);
      assert.deepEqual([got?.status, JSON.parse(got!.body).code], [502, "DOOR_BAD_ANSWER"], name);
    }
  });

  test("a length where no body can be is dropped", async () => {
    await answering("empty", "HTTP/1.1 204 No Content\r\ncontent-length: 99\r\n\r\n");
    const { status, headers } = await gateway.get("empty");
    assert.deepEqual([status, headers["content-length"]], [204, undefined]);
  });

  test("a header with a name that objects have by themselves arrives as it is", async () => {
    await answering("names", "HTTP/1.1 200 OK\r\nconstructor: 1\r\ncontent-length: 0\r\n\r\n");
    const { headers } = await getHttp2(await gateway.http2("names"), { ":path": "/" });
    assert.equal(Reflect.get(headers, "constructor"), "1");
  });

  test("100 (Continue) goes to nobody who does not wait for it", async () => {
    await answering(
      "eager",
      `${"HTTP/1.1 100 Continue\r\n\r\n".repeat(3)}HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok`,
    );
    const answer = await gateway.raw("eager", "GET / HTTP/1.1\r\nhost: eager.doors.test\r\nconnection: close\r\n\r\n");
    assert.match(answer, /^HTTP\/1\.1 200 OK/);
  });
});
