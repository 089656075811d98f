/** Hooks that throw, hang, or return something invalid: the request fails, and nothing else. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect as connectHttp2 } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import type { HookContext, HookRequest, HookResponse, Hooks } from "../../../hooks.ts";
import { Certificates, Lab, readAll } from "../../testing/lab.ts";
import { dechunk } from "../../testing/raw-http.ts";
import { bodyOf, http2Upstream, httpUpstream, type Recorder } from "../../testing/upstreams.ts";

const VALUE = "sk-live-4242-very-secret";

const streamOf = (...chunks: unknown[]) =>
  new ReadableStream<never>({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk as never);
      controller.close();
    },
  });
const broken = (reason: unknown) => new ReadableStream<never>({ start: (controller) => controller.error(reason) });
const lockedStream = () => {
  const stream = streamOf();
  stream.getReader();
  return stream;
};
const trap = () =>
  new Proxy(
    {},
    {
      get: () => {
        throw new Error("trapped");
      },
      has: () => {
        throw new Error("trapped");
      },
    },
  );

/** What a hook may throw. */
const THROWN: Record<string, () => unknown> = {
  "an error": () => new Error("oops"),
  nothing: () => undefined,
  null: () => null,
  "a text": () => "oops",
  "what throws when it is looked at": trap,
  "a symbol": () => Symbol("oops"),
};

/** What a hook may give that is no message. */
const GARBAGE: Record<string, (message: object) => unknown> = {
  "a number": () => 42,
  "a text": () => "GET / HTTP/1.1",
  "a list": () => [],
  "an empty object": () => ({}),
  "what throws when it is looked at": trap,
  "headers that are none": (message) => ({ ...message, headers: "a: b" }),
  "headers that throw": (message) => ({ ...message, headers: [[trap(), "b"]] }),
  "a header of two lines": (message) => ({ ...message, headers: [["a", "b\r\nc: d"]] }),
  "a header without a name": (message) => ({ ...message, headers: [[]] }),
  "a body that is a text": (message) => ({ ...message, body: "text" }),
  "a body that is read already": (message) => ({ ...message, body: lockedStream() }),
};

const OF_REQUESTS: typeof GARBAGE = {
  ...GARBAGE,
  "a method of two lines": (message) => ({ ...message, method: "GET / HTTP/1.1\r\nX: y" }),
  CONNECT: (message) => ({ ...message, method: "CONNECT" }),
  "a path of two": (message) => ({ ...message, path: "/a b" }),
  "another host's URL": (message) => ({ ...message, path: "http://evil.test/" }),
  "no answer": () => ({ answer: null }),
  "an answer without a status": () => ({ answer: {} }),
  "a response that is not final": () => ({ answer: { status: 101 } }),
  "a response with an invalid body": () => ({ answer: { status: 200, body: trap() } }),
  "a reason that throws": () => ({ deny: trap() }),
};

const OF_ANSWERS: typeof GARBAGE = {
  ...GARBAGE,
  "an invalid status": (message) => ({ ...message, status: 99 }),
  "a status that is a text": (message) => ({ ...message, status: "200" }),
};

/** Bodies that turn out to be none when they are on their way. */
const BODIES: Record<string, () => ReadableStream> = {
  "with a number in it": () => streamOf(42),
  "with an object in it": () => streamOf({}),
  "with null in it": () => streamOf(null),
  "that fails": () => broken(new Error("oops")),
  "that fails for no reason": () => broken(undefined),
  "that fails with what throws": () => broken(trap()),
};

describe("hooks", () => {
  let dir: string;
  let api: Recorder;
  let h2: Recorder;
  let lab: Lab;
  let onRequest: NonNullable<Hooks["onRequest"]>;
  let onResponse: NonNullable<Hooks["onResponse"]>;

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "egress-ca-"));
    const certificates = await Certificates.make(dir);
    api = await httpUpstream(
      async (request, response) => {
        const body = await bodyOf(request);
        const text = `${request.method} ${request.url} ${request.headers["content-length"]} [${body}] ${request.headers.authorization}`;
        response.writeHead(200, { "content-length": text.length }).end(request.method === "HEAD" ? undefined : text);
      },
      { tls: await certificates.contextFor("api.test"), alpn: ["http/1.1"] },
    );
    h2 = await http2Upstream(
      (stream) => {
        stream.respond({ ":status": 200, "content-length": 4 });
        stream.end("fine");
      },
      { tls: await certificates.contextFor("h2.test"), alpn: ["h2"] },
    );
    lab = await Lab.start(certificates, {
      hosts: { "api.test": api.port, "h2.test": h2.port },
      secrets: [{ name: "KEY", value: VALUE, hosts: ["api.test"], inBody: true }],
      hooks: {
        onRequest: (request, context) => onRequest(request, context),
        onResponse: (response, context) => onResponse(response, context),
      },
    });
  });

  beforeEach(() => {
    onRequest = () => undefined;
    onResponse = () => undefined;
  });

  after(async () => {
    await lab[Symbol.asyncDispose]();
    await api[Symbol.asyncDispose]();
    await h2[Symbol.asyncDispose]();
    await rm(dir, { recursive: true });
  });

  const ask = async (line = "POST /", body = "body", headers: string[] = []): Promise<string> => {
    const tls = await lab.openTls("api.test", 443);
    tls.write(
      [
        `${line} HTTP/1.1`,
        "Host: api.test",
        "Connection: close",
        ...headers,
        ...(body ? [`Content-Length: ${body.length}`] : []),
        "",
        body,
      ].join("\r\n"),
    );
    return dechunk(await readAll(tls));
  };
  /** An exchange of which the hook makes a failure, in words that are not its own, and of which nothing is sent. */
  const fails = async (which: string, sent = false) => {
    const before = api.received().length;
    const text = await ask();
    assert.match(text, new RegExp(`^HTTP/1\\.1 502 [^]*${which} failed`), text);
    assert.ok(!/oops|trapped/.test(text), text);
    if (!sent) assert.equal(api.received().length, before);
  };

  for (const [what, make] of Object.entries(THROWN)) {
    test(`that throw ${what} fail the request`, async () => {
      onRequest = () => {
        throw make();
      };
      await fails("onRequest");
      onRequest = () => Promise.reject(make());
      await fails("onRequest");
      onRequest = () => undefined;
      onResponse = () => {
        throw make();
      };
      await fails("onResponse", true);
    });
  }

  for (const [what, make] of Object.entries(OF_REQUESTS)) {
    test(`that give ${what} for a request fail it`, async () => {
      onRequest = (request) => make(request) as HookRequest;
      await fails("onRequest|A hook");
    });
  }

  for (const [what, make] of Object.entries(OF_ANSWERS)) {
    test(`that give ${what} for an answer fail the request`, async () => {
      onResponse = (response) => make(response) as HookResponse;
      await fails("onResponse|A hook", true);
    });
  }

  for (const [what, make] of Object.entries(BODIES)) {
    test(`that give a body ${what} break the message off`, async () => {
      onRequest = (request) => ({ ...request, body: make() });
      assert.match(await ask(), /^HTTP\/1\.1 502 /);
      onRequest = () => undefined;
      onResponse = (response) => ({ ...response, body: make() });
      const text = await ask();
      assert.ok(!text.endsWith("0\r\n\r\n"), text);
    });
  }

  test("that never end fail the request after their time, and are told so", async () => {
    const signals: AbortSignal[] = [];
    const hang = (_message: unknown, { signal }: HookContext) => {
      signals.push(signal);
      return new Promise<never>(() => undefined);
    };
    onRequest = (request, context) => (request.path === "/request" ? hang(request, context) : undefined);
    onResponse = hang;
    const [one, two] = await Promise.all([ask("POST /request"), ask("POST /response")]);
    assert.match(one, /^HTTP\/1\.1 502 [^]*onRequest failed: it took too long/);
    assert.match(two, /^HTTP\/1\.1 502 [^]*onResponse failed: it took too long/);
    assert.ok(signals.every(({ aborted }) => aborted));
  });

  test("that fail over HTTP/2 leave the connection and the upstream's streams free", async () => {
    const tls = await lab.openTls("h2.test", 443, { ALPNProtocols: ["h2"] });
    const client = connectHttp2("https://h2.test", { createConnection: () => tls });
    const get = async () => {
      const stream = client.request({ ":path": "/" });
      const closed = once(stream.resume(), "close");
      const [headers] = await once(stream, "response");
      await closed;
      return headers[":status"];
    };
    onResponse = () => {
      throw new Error("oops");
    };
    // More than an upstream allows at once, and than its window has room for.
    for (let at = 0; at < 150; at++) assert.equal(await get(), 502);
    onResponse = () => undefined;
    assert.equal(await get(), 200);
    client.close();
  });

  test("that change method or status leave framing to the proxy", async () => {
    onRequest = (request) => ({ ...request, method: "HEAD", body: null });
    const head = await ask("GET /", "");
    assert.match(head, /^HTTP\/1\.1 200 OK\r\n/);
    assert.ok(!/content-length: [1-9]/i.test(head), head);
    onRequest = (request) => ({ ...request, method: "GET" });
    assert.match(await ask("HEAD /", ""), /^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\n$/);
    onRequest = () => undefined;
    for (const status of [204, 304]) {
      onResponse = (response) => ({ ...response, status });
      assert.match(await ask(), new RegExp(`^HTTP/1\\.1 ${status} [^]*\r\n\r\n$`));
    }
    const tls = await lab.openTls("h2.test", 443, { ALPNProtocols: ["h2"] });
    const client = connectHttp2("https://h2.test", { createConnection: () => tls });
    onResponse = (response) => ({ ...response, status: 204 });
    const stream = client.request({ ":path": "/" });
    const closed = once(stream.resume(), "close");
    const [headers] = await once(stream, "response");
    await closed;
    assert.deepEqual([headers[":status"], stream.rstCode], [204, 0]);
    client.close();
  });

  test("that change bodies see placeholders, and what they write is framed anew", async () => {
    const { KEY: key } = lab.placeholders;
    const seen: string[] = [];
    onRequest = async (request) => {
      const text = await new Response(request.body).text();
      seen.push(text);
      return {
        ...request,
        headers: [...request.headers, ["Content-Length", "1"], ["Transfer-Encoding", "gzip"]],
        body: streamOf(Buffer.from(`${text} and ${key}`)),
      };
    };
    onResponse = async (response) => {
      const text = await new Response(response.body).text();
      seen.push(text, JSON.stringify(response.headers));
      return {
        ...response,
        headers: [...response.headers, ["Content-Length", "1"]],
        body: streamOf(Buffer.from(text.toLowerCase())),
      };
    };
    const before = api.received().length;
    const text = await ask("POST /", `key=${key}`, [`Authorization: ${key}`]);
    assert.match(
      api
        .received()
        .slice(before)
        .replace(/\r\n[0-9a-f]+\r\n/g, ""),
      new RegExp(`key=${VALUE} and ${VALUE}`),
    );
    assert.ok(!seen.join().includes(VALUE), seen.join());
    assert.match(text, /^HTTP\/1\.1 200 [^]*post \/ undefined \[key=redacted/);
    assert.ok(!/content-length/i.test(text) && !text.includes(VALUE), text);
  });

  test("that hand a body on as it is keep its length", async () => {
    onRequest = (request) => ({ ...request });
    onResponse = (response) => ({ ...response });
    const text = await ask("PUT /", "body");
    assert.match(text, /\r\ncontent-length: [0-9]+\r\n/i);
    // Values are put into bodies here, so theirs is not known.
    assert.match(text, /PUT \/ undefined \[body\]/);
    // What was read in part is another body.
    onResponse = async (response) => {
      const reader = response.body!.getReader();
      await reader.read();
      reader.releaseLock();
      return { ...response };
    };
    assert.ok(!/content-length/i.test(await ask()));
  });
});
