import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { request as httpRequest, type IncomingMessage, type RequestOptions } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "node:tls";
import { gzipSync } from "node:zlib";
import { Certificates, Lab, readAll } from "./testing/lab.ts";
import { bodyOf, httpUpstream, type Recorder } from "./testing/upstreams.ts";

const VALUE = "sk-live-4242-very-secret";

/** A request over a stream of the guest's. */
export function ask(
  stream: Duplex,
  options: RequestOptions,
  body?: string,
): Promise<{ response: IncomingMessage; text: string }> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ createConnection: () => stream as never, ...options }, async (response) =>
      resolve({ response, text: await bodyOf(response) }),
    );
    request.on("error", reject);
    request.end(body);
  });
}

describe("requests over TLS", () => {
  let dir: string;
  let api: Recorder;
  let other: Recorder;
  let lab: Lab;
  let certificates: Certificates;

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "egress-ca-"));
    certificates = await Certificates.make(dir);
    const listener = async (request: IncomingMessage, response: import("node:http").ServerResponse) => {
      const text = `${request.method} ${request.url} ${JSON.stringify(request.headers)} ${await bodyOf(request)}`;
      if (request.url?.startsWith("/gzip"))
        return response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync(text));
      response.writeHead(200, "Fine", { "x-echo": request.headers.authorization ?? "none" });
      response.end(text);
    };
    api = await httpUpstream(listener, { tls: await certificates.contextFor("api.test"), alpn: ["http/1.1"] });
    other = await httpUpstream(listener, { tls: await certificates.contextFor("other.test") });
    lab = await Lab.start(certificates, {
      hosts: { "api.test": api.port, "other.test": other.port, "wrong.test": other.port },
      secrets: [{ name: "KEY", value: VALUE, hosts: ["api.test"] }],
    });
  });

  after(async () => {
    await lab[Symbol.asyncDispose]();
    await api[Symbol.asyncDispose]();
    await other[Symbol.asyncDispose]();
    await rm(dir, { recursive: true });
  });

  test("carry the secret to the approved host, and it does not come back", async () => {
    const placeholder = lab.placeholders.KEY!;
    for (const path of ["/plain?key=", "/gzip?key="]) {
      const tls = await lab.openTls("api.test", 443);
      const { response, text } = await ask(
        tls,
        {
          path: `${path}${placeholder}`,
          method: "POST",
          headers: { host: "api.test", authorization: `Bearer ${placeholder}` },
        },
        "hello",
      );
      assert.equal(response.statusCode, 200);
      assert.ok(text.includes(placeholder) && text.endsWith("hello"), text);
      assert.ok(!text.includes(VALUE));
      if (path === "/plain?key=") assert.equal(response.headers["x-echo"], `Bearer ${placeholder}`);
    }
    assert.ok(api.received().includes(`Bearer ${VALUE}`));
    const [event] = await lab.reports(2);
    assert.ok(event?.kind === "http");
    assert.deepEqual(
      [
        event.verdict,
        event.host,
        event.path,
        event.query,
        event.status,
        event.secrets,
        event.bytesUp,
        event.scheme,
        event.address,
      ],
      ["allowed", "api.test", "/plain", ["key"], 200, ["KEY"], 5, "https", "127.0.0.1"],
    );
    assert.ok(!JSON.stringify(lab.events).includes(VALUE));
  });

  test("do not bring back a value that was revoked, though no secret is left", async () => {
    let seen = "";
    await using upstream = await httpUpstream(
      (request, response) => {
        seen = request.headers.authorization ?? seen;
        response.end(`saw ${seen}`);
      },
      { tls: await certificates.contextFor("late.test"), alpn: ["http/1.1"] },
    );
    await using late = await Lab.start(certificates, {
      hosts: { "late.test": upstream.port },
      secrets: [{ name: "KEY", value: VALUE, hosts: ["late.test"] }],
    });
    const placeholder = late.placeholders.KEY!;
    await ask(await late.openTls("late.test", 443), {
      headers: { host: "late.test", authorization: `Bearer ${placeholder}` },
    });
    late.update({}, []);
    const { text } = await ask(await late.openTls("late.test", 443), { headers: { host: "late.test" } });
    assert.equal(seen, `Bearer ${VALUE}`);
    assert.equal(text, "saw Bearer REDACTEDREDACTEDREDACTED");
  });

  test("leave the placeholder as it is for others", async () => {
    const count = (await lab.reports(0)).length;
    const tls = await lab.openTls("other.test", 443);
    const { text } = await ask(
      tls,
      { path: "/", method: "POST", headers: { host: "other.test", authorization: `Bearer ${lab.placeholders.KEY}` } },
      lab.placeholders.KEY,
    );
    assert.ok(text.includes(lab.placeholders.KEY!));
    assert.ok(!other.received().includes(VALUE));
    const event = (await lab.reports(count + 1)).at(-1)!;
    assert.ok(event.kind === "http");
    assert.deepEqual([event.secrets, event.placeholders], [[], ["KEY"]]);
  });

  test("get 502 and go nowhere when the upstream shows a certificate of another name", async () => {
    const before = other.received().length;
    const count = (await lab.reports(0)).length;
    const tls = await lab.openTls("wrong.test", 443);
    const { response, text } = await ask(tls, { path: "/", headers: { host: "wrong.test" } });
    assert.equal(response.statusCode, 502);
    assert.match(text, /does not match certificate/);
    assert.equal(other.received().length, before);
    assert.equal((await lab.reports(count + 1)).at(-1)!.verdict, "failed");
  });

  test("get 403 that says why where policy does not allow the host", async () => {
    const tls = await lab.openTls("deno.com", 443);
    const { response, text } = await ask(tls, { path: "/", headers: { host: "deno.com" } });
    assert.deepEqual(
      [response.statusCode, response.statusMessage],
      [403, "deno.com:443 is not in this sandbox's allowNet."],
    );
    assert.equal(response.headers["sandkeep-verdict"], "denied");
    assert.match(text, /deno\.com:443 is not in this sandbox's allowNet/);
    const json = await ask(await lab.openTls("deno.com", 443), {
      path: "/",
      headers: { host: "deno.com", accept: "application/json" },
    });
    assert.equal(JSON.parse(json.text).error.verdict, "denied");
  });

  test("that are a connection's last end it in order", async () => {
    const raw = await lab.open("api.test", 443);
    let reset = false;
    raw.once("aborted", () => (reset = true));
    const closed = once(raw, "close");
    const tls = connect({ socket: raw as never, servername: "api.test", ca: lab.ca });
    tls.write("GET / HTTP/1.1\r\nHost: api.test\r\nConnection: close\r\n\r\n");
    assert.match(await readAll(tls), /^HTTP\/1.1 200 /);
    // A reset would come right behind the end.
    await sleep(100);
    assert.ok(!reset);
    raw.end();
    await closed;
  });
});
