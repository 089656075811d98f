import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { after, before, describe, test } from "node:test";
import { Certificates, Lab } from "../../testing/lab.ts";
import { http2Upstream, type Recorder } from "../../testing/upstreams.ts";

const VALUE = "sk-live-4242-very-secret";

function session(stream: Duplex): ClientHttp2Session {
  const client = connect("https://api.test", { createConnection: () => stream, settings: { enablePush: false } });
  client.on("error", () => undefined);
  return client;
}

async function ask(client: ClientHttp2Session, headers: OutgoingHttpHeaders, body?: string) {
  const stream = client.request(
    { ":method": body === undefined ? "GET" : "POST", ...headers },
    { endStream: body === undefined },
  );
  if (body !== undefined) stream.end(body);
  return answerOf(stream);
}

async function answerOf(stream: ClientHttp2Stream) {
  let trailers: IncomingHttpHeaders = {};
  stream.on("trailers", (one) => (trailers = one));
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  const [headers] = (await once(stream, "response")) as [IncomingHttpHeaders & { ":status": number }];
  if (!stream.closed) await once(stream, "close");
  return { status: headers[":status"], headers, trailers, text: Buffer.concat(chunks).toString() };
}

describe("requests over HTTP/2", () => {
  let dir: string;
  let api: Recorder;
  let plain: Recorder;
  let lab: Lab;
  const seen: IncomingHttpHeaders[] = [];

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "egress-ca-"));
    const certificates = await Certificates.make(dir);
    const listener: Parameters<typeof http2Upstream>[0] = (stream, headers) => {
      seen.push(headers);
      if (headers[":path"] === "/trailers-only")
        return stream.respond(
          { ":status": 200, "content-type": "application/grpc", "grpc-status": "5" },
          { endStream: true },
        );
      if (headers[":path"] === "/grpc") {
        stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
        stream.on("wantTrailers", () =>
          stream.sendTrailers({ "grpc-status": "0", "grpc-message": String(headers.authorization) }),
        );
        return stream.pipe(stream);
      }
      stream.respond({ ":status": 200, "set-cookie": ["a=1", "b=2"], "x-echo": headers.authorization ?? "none" });
      if (stream.endAfterHeaders) return stream.end(`${headers[":path"]} ${headers[":authority"]}`);
      stream.pipe(stream);
    };
    api = await http2Upstream(listener, { tls: await certificates.contextFor("api.test"), alpn: ["h2"] });
    plain = await http2Upstream(listener);
    lab = await Lab.start(certificates, {
      hosts: { "api.test": api.port, "plain.test": plain.port },
      secrets: [{ name: "KEY", value: VALUE, hosts: ["api.test", "plain.test"] }],
    });
  });

  after(async () => {
    await lab[Symbol.asyncDispose]();
    await api[Symbol.asyncDispose]();
    await plain[Symbol.asyncDispose]();
    await rm(dir, { recursive: true });
  });

  test("go many at a time over one connection, with secrets", async () => {
    const client = session(await lab.openTls("api.test", 443, { ALPNProtocols: ["h2", "http/1.1"] }));
    const placeholder = lab.placeholders.KEY!;
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        ask(
          client,
          { ":path": `/${index}?key=${placeholder}`, authorization: `Bearer ${placeholder}` },
          index % 2 ? "body" : undefined,
        ),
      ),
    );
    client.close();
    for (const [index, { status, headers, text }] of answers.entries()) {
      assert.deepEqual(
        [status, headers["x-echo"], headers["set-cookie"]],
        [200, `Bearer ${placeholder}`, ["a=1", "b=2"]],
      );
      assert.equal(text, index % 2 ? "body" : `/${index}?key=${placeholder} api.test`);
    }
    assert.equal(api.connections(), 1);
    assert.equal(seen[0]!.authorization, `Bearer ${VALUE}`);
    const events = await lab.reports(20);
    assert.ok(
      events.every((event) => event.kind === "http" && event.protocol === "h2" && event.secrets.join() === "KEY"),
    );
  });

  test("of gRPC stream both ways, with trailers", async () => {
    const client = session(await lab.openTls("api.test", 443, { ALPNProtocols: ["h2"] }));
    const stream = client.request({
      ":method": "POST",
      ":path": "/grpc",
      te: "trailers",
      "content-type": "application/grpc",
      authorization: lab.placeholders.KEY,
    });
    const answer = answerOf(stream);
    for (const message of ["one", "two", "three s", VALUE]) {
      const prefix = Buffer.from([0, 0, 0, 0, message.length]).toString("latin1");
      stream.write(prefix + message);
      let got = "";
      while (got.length < message.length + 5) got += String((await once(stream, "data"))[0]);
      assert.equal(got, prefix + (message === VALUE ? "REDACTEDREDACTEDREDACTED" : message));
    }
    stream.end();
    const { trailers } = await answer;
    assert.deepEqual([trailers["grpc-status"], trailers["grpc-message"]], ["0", lab.placeholders.KEY]);
    const only = await ask(client, { ":path": "/trailers-only" }, "");
    assert.equal(only.headers["grpc-status"], "5");
    client.close();
  });

  test("for another host than the connection's get 403", async () => {
    const before = api.received().length;
    const client = session(await lab.openTls("api.test", 443, { ALPNProtocols: ["h2"] }));
    assert.equal((await ask(client, { ":path": "/", ":authority": "evil.test" })).status, 403);
    assert.equal((await ask(client, { ":path": "/", ":authority": "api.test", host: "evil.test" })).status, 403);
    assert.equal((await ask(client, { ":path": "/", ":scheme": "http" })).status, 403);
    assert.ok(!api.received().slice(before).includes("evil"));
    const count = seen.length;
    assert.equal((await ask(client, { ":path": "/" })).status, 200);
    assert.equal(seen.length, count + 1);
    client.close();
  });

  test("without TLS go through, without secrets", async () => {
    const stream = await lab.open("plain.test", 80);
    const client = connect("http://plain.test", { createConnection: () => stream });
    const { status, text } = await ask(client, { ":path": "/", authorization: lab.placeholders.KEY });
    assert.deepEqual([status, text], [200, "/ plain.test"]);
    assert.equal(seen.at(-1)!.authorization, lab.placeholders.KEY);
    assert.equal((await ask(client, { ":path": "/", ":authority": "api.test" })).status, 403);
    client.close();
  });
});
