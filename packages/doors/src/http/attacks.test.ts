/** Attacks on and through doors: confusion about hosts and lengths, slow and endless input, servers that answer nonsense. */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { type AddressInfo, connect, createServer } from "node:net";
import { text } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import { getHttp2, TestGateway } from "../testing/gateway.ts";

describe("attacks", async () => {
  let gateway: TestGateway;
  /** What reached each server. */
  const reached: Record<string, string[]> = { mine: [], theirs: [] };
  before(async () => {
    gateway = await TestGateway.start();
    for (const [name, list] of Object.entries(reached))
      await gateway.serve(name, (request, response) => {
        void text(request).then((body) => {
          list.push(`${request.method} ${request.url} ${request.headers.host} ${body}`);
          response.end(name);
        });
      });
  });
  after(() => gateway[Symbol.asyncDispose]());

  const host = (name: string) => `host: ${name}.doors.test`;

  test("a connection for one door does not reach another", async () => {
    const answer = await gateway.raw("mine", `GET / HTTP/1.1\r\n${host("theirs")}\r\nconnection: close\r\n\r\n`);
    assert.match(answer, /^HTTP\/1\.1 421 [^]*MISDIRECTED_REQUEST/);
    const session = await gateway.http2("mine");
    for (const authority of ["theirs.doors.test", "127.0.0.1"]) {
      const { status, body } = await getHttp2(session, { ":path": "/", ":authority": authority });
      assert.deepEqual([status, JSON.parse(body).code], [421, "MISDIRECTED_REQUEST"], authority);
    }
    const upgrade = await gateway.upgrade("mine", "/", { host: "theirs.doors.test" });
    assert.equal(upgrade.got!.status, 421);
    assert.deepEqual(reached.theirs, []);
  });

  test("who names two hosts is refused", async () => {
    for (const [lines, target] of [
      [[host("mine"), host("theirs")], "/"],
      [[host("theirs"), host("mine")], "/"],
      [[host("mine"), host("mine")], "/"],
      [[host("mine")], "http://theirs.doors.test/"],
      [[host("theirs")], "http://mine.doors.test/"],
      [["host: mine.doors.test@theirs.doors.test"], "/"],
      [["host: mine.doors.test, theirs.doors.test"], "/"],
      [["host:"], "/"],
    ] as const) {
      const answer = await gateway.raw(
        "mine",
        [`GET ${target} HTTP/1.1`, ...lines, "connection: close", "", ""].join("\r\n"),
      );
      assert.match(answer, /^HTTP\/1\.1 (400|421) |elsewhere$/, JSON.stringify([target, lines]));
    }
    const session = await gateway.http2("mine");
    const both = { ":path": "/", ":authority": "mine.doors.test", host: "theirs.doors.test" };
    const { status } = await getHttp2(session, both).catch(() => ({ status: 400 }));
    assert.equal(status, 400);
    assert.deepEqual([reached.mine, reached.theirs], [[], []]);
  });

  test("requests that programs could take for two are refused", async () => {
    const hidden = `GET /hidden HTTP/1.1\r\n${host("mine")}\r\n\r\n`;
    for (const head of [
      "content-length: 5\r\ntransfer-encoding: chunked",
      "content-length: 5\r\ncontent-length: 6",
      "content-length: 5, 6",
      "content-length: +5",
      "content-length : 5",
      "transfer-encoding: chunked, chunked",
      "transfer-encoding: gzip, chunked",
      "transfer-encoding: identity",
      "transfer-encoding: xchunked",
      "transfer-encoding:\x0bchunked",
      "x: a\n\tcontent-length: 5",
      "x: a\rb",
      "x\x00: 1",
    ]) {
      const answer = await gateway.raw(
        "mine",
        `POST / HTTP/1.1\r\n${host("mine")}\r\n${head}\r\nconnection: close\r\n\r\n0\r\n\r\n${hidden}`,
      );
      assert.match(answer, /^HTTP\/1\.1 400 /, JSON.stringify(head));
    }
    assert.deepEqual(
      reached.mine!.filter((one) => one.includes("hidden")),
      [],
    );
  });

  test("what follows a body is a request of its own, with a host of its own", async () => {
    const answer = await gateway.raw(
      "mine",
      `POST /first HTTP/1.1\r\n${host("mine")}\r\ncontent-length: 3\r\n\r\nabcGET / HTTP/1.1\r\n${host("theirs")}\r\nconnection: close\r\n\r\n`,
    );
    assert.match(answer, /^HTTP\/1\.1 200 [^]*HTTP\/1\.1 421 /);
    assert.deepEqual(reached.mine!.splice(0), ["POST /first mine.doors.test abc"]);
    assert.deepEqual(reached.theirs, []);
  });

  test("an upgrade with a body is refused", async () => {
    const { got } = await gateway.upgrade("mine", "/", { "content-length": "5" });
    assert.deepEqual([got!.status, JSON.parse(got!.body).code], [400, "INVALID_REQUEST"]);
  });

  test("methods that open tunnels or mirror requests are refused", async () => {
    for (const start of ["CONNECT theirs.doors.test:443", "TRACE /", "CONNECT /"]) {
      const answer = await gateway.raw("mine", `${start} HTTP/1.1\r\n${host("mine")}\r\nconnection: close\r\n\r\n`);
      assert.doesNotMatch(answer, /^HTTP\/1\.1 200/, start);
    }
    assert.deepEqual(reached.mine, []);
  });

  test("targets that are no path are refused", async () => {
    for (const target of ["*", "x", "ftp://mine.doors.test/", "?x"]) {
      const answer = await gateway.raw(
        "mine",
        `GET ${target} HTTP/1.1\r\n${host("mine")}\r\nconnection: close\r\n\r\n`,
      );
      assert.match(answer, /^HTTP\/1\.1 400 /, target);
    }
  });

  test("endless headers are refused, and slow ones end", async () => {
    for (const headers of [
      Array.from({ length: 300 }, (_, at) => `x-${at}: 1`),
      [`x: ${"y".repeat(70_000)}`],
      [`x: ${"y".repeat(140_000)}`],
    ]) {
      const lines = ["GET / HTTP/1.1", host("mine"), "connection: close", ...headers, "", ""];
      const answer = await gateway.raw("mine", lines.join("\r\n"));
      assert.match(answer, /^HTTP\/1\.1 431 /);
    }
    const session = await gateway.http2("mine");
    const many = Object.fromEntries(Array.from({ length: 300 }, (_, at) => [`x-${at}`, "1"]));
    await assert.rejects(
      getHttp2(session, { ":path": "/", ...many }).then(({ status }) => assert.notEqual(status, 431)),
    );
    assert.deepEqual(reached.mine, []);
  });

  /** A server that answers any request with these bytes, and ends the connection unless told otherwise. */
  async function answering(name: string, bytes: string | string[], end = true): Promise<void> {
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.once("data", () => {
        for (const piece of [bytes].flat()) socket.write(piece, "latin1");
        if (end) socket.end();
      });
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    server.unref();
    gateway.doors.open(`${name}.doors.test`, (server.address() as AddressInfo).port);
  }

  test("a server that answers nonsense is a bad gateway, and costs no other door anything", async () => {
    const cases: Record<string, string | string[]> = {
      nothing: "",
      garbage: "\x16\x03\x01garbage\r\n\r\n",
      version: "HTTP/9 200 OK\r\n\r\n",
      status: "HTTP/1.1 9999 x\r\n\r\n",
      headers: `HTTP/1.1 200 OK\r\n${"a: b\r\n".repeat(300)}content-length: 0\r\n\r\n`,
      long: `HTTP/1.1 200 OK\r\na: ${"b".repeat(70_000)}\r\n\r\n`,
      control: "HTTP/1.1 200 OK\r\na: b\x01c\r\ncontent-length: 0\r\n\r\n",
      lengths: "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
      coding: "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
      status099: "HTTP/1.1 099 x\r\ncontent-length: 0\r\n\r\n",
      phrase: "HTTP/1.1 200 \x01\x02\r\ncontent-length: 0\r\n\r\n",
      interim: "HTTP/1.1 103 Early\r\n\r\n".repeat(50),
      switching: "HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
    };
    for (const [name, bytes] of Object.entries(cases)) {
      await answering(name, bytes);
      const { status, body } = await gateway.get(name);
      assert.deepEqual([status, JSON.parse(body).code], [502, "DOOR_BAD_ANSWER"], name);
    }
    assert.equal((await gateway.get("mine")).body, "mine");
    reached.mine!.splice(0);
  });

  test("a response that programs could take for two does not reach the next visitor", async () => {
    const second = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nstolen";
    await answering("splitting", [`HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok${second}`], false);
    for (let at = 0; at < 5; at++) assert.equal((await gateway.get("splitting")).body, "ok");
  });

  test("lengths and codings that contradict each other do not reach visitors", async () => {
    await answering(
      "both",
      "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 99\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    );
    const got = await gateway.get("both").catch(() => null);
    if (got) assert.ok(got.status === 502 || (got.body === "ok" && got.headers["content-length"] !== "99"));
  });

  test("malformed trailers end nothing but themselves", async () => {
    const trailers = "0\r\nx-a: b\x01c\r\nconnection: x\r\nset-cookie: a=1\r\nx-fine: 1\r\n\r\n";
    await answering("trailers", `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n${trailers}`);
    const got = await gateway.get("trailers").catch(() => null);
    if (got) assert.deepEqual([got.body, Object.keys(got.trailers)], ["ok", ["x-fine"]]);
    const http2 = await getHttp2(await gateway.http2("trailers"), { ":path": "/" }).catch(() => null);
    if (http2) assert.equal(http2.body, "ok");
    assert.equal((await gateway.get("mine")).body, "mine");
    reached.mine!.splice(0);
  });

  test("what only the whole gateway may say is not said by one door", async () => {
    await gateway.serve("loud", (_request, response) =>
      response
        .setHeader("alt-svc", 'h3="evil.test:443"')
        .setHeader("strict-transport-security", "max-age=1; includeSubDomains")
        .setHeader("connection", "x-hop")
        .setHeader("x-hop", "1")
        .end("loud"),
    );
    const { headers } = await gateway.get("loud");
    for (const name of ["alt-svc", "strict-transport-security", "x-hop"]) assert.equal(headers[name], undefined, name);
  });

  test("nobody proves to a certificate authority that the name of a door is theirs", async () => {
    for (const path of ["/.well-known/acme-challenge/x", "/.WELL-KNOWN/acme-challenge/x?y"])
      assert.equal((await gateway.get("mine", { path })).status, 400, path);
    assert.equal((await gateway.get("mine", { path: "/.well-known/other" })).status, 200);
    reached.mine!.splice(0);
  });

  test("when a door closes, everything open through it ends at once", async () => {
    await gateway.serve("closing", (_request, response) => void response.write("first"));
    const request = httpsRequest(gateway.options("closing")).end();
    const [response] = (await once(request, "response")) as [IncomingMessage];
    const session = await gateway.http2("closing");
    const stream = session.request({ ":path": "/" });
    stream.on("error", () => {});
    await once(stream, "response");
    const ends = [
      once(response.resume(), "error"),
      new Promise<void>((resolve) => stream.resume().once("close", () => resolve())),
    ];
    const behind = gateway.doors.dialled.filter(({ host }) => host === "closing.doors.test");
    gateway.doors.close("closing.doors.test");
    await Promise.all(ends);
    assert.ok(behind.length > 0 && behind.every(({ stream }) => stream.destroyed));
    assert.equal((await gateway.get("closing")).status, 404);
  });

  test("who stops in the middle of a request holds nobody up", async () => {
    const silent = connect(gateway.port, "127.0.0.1");
    await once(silent, "connect");
    silent.write("GET");
    assert.equal((await gateway.get("mine")).body, "mine");
    silent.destroy();
  });
});
