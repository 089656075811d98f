/** Requests and responses through a door, with real servers behind it and real clients in front. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { text } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import { getHttp2, TestGateway } from "../testing/gateway.ts";

/** A request as the server behind the door saw it. */
interface Seen {
  method: string;
  url: string;
  rawHeaders: string[];
  headers: IncomingMessage["headers"];
  body: string;
}

const MiB = 1024 * 1024;

describe("requests through a door", async () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await TestGateway.start();
    await gateway.serve("echo", (request, response) => {
      void text(request).then((body) => {
        const { method, url, rawHeaders, headers } = request;
        response.setHeader("content-type", "application/json");
        response.end(JSON.stringify({ method, url, rawHeaders, headers, body }));
      });
    });
    await gateway.serve("two", (_request, response) => response.end("two"));
  });
  after(() => gateway[Symbol.asyncDispose]());

  const seen = async (more: Parameters<TestGateway["get"]>[1] = {}, body?: string): Promise<Seen> => {
    const got = await gateway.get("echo", more, body);
    assert.equal(got.status, 200, got.body);
    return JSON.parse(got.body) as Seen;
  };

  test("method, target and body arrive as they were sent", async () => {
    const post = await seen({ method: "POST", path: "/a/%2e%2e/b?x=1&x=2", headers: { "content-length": 5 } }, "hello");
    assert.deepEqual([post.method, post.url, post.body], ["POST", "/a/%2e%2e/b?x=1&x=2", "hello"]);
    const chunked = await seen({ method: "PUT", headers: { "transfer-encoding": "chunked" } }, "in chunks");
    assert.deepEqual([chunked.method, chunked.body], ["PUT", "in chunks"]);
    const empty = await seen({ method: "POST", headers: { "content-length": 0 } });
    assert.deepEqual([empty.headers["content-length"], empty.body], ["0", ""]);
  });

  test("the server learns who asks for which host, and nobody can pretend", async () => {
    const lies = {
      forwarded: "for=1.2.3.4",
      "x-forwarded-for": "1.2.3.4",
      x_forwarded_for: "1.2.3.4",
      "x-forwarded-host": "evil.test",
      "x-forwarded-proto": "gopher",
      "x-real-ip": "1.2.3.4",
    };
    const { headers } = await seen({ headers: lies });
    const authority = `echo.doors.test:${gateway.port}`;
    assert.equal(headers.host, authority);
    assert.equal(headers.forwarded, `for=127.0.0.1;host="${authority}";proto=https`);
    assert.equal(headers["x-forwarded-for"], "127.0.0.1");
    assert.equal(headers["x-forwarded-host"], authority);
    assert.equal(headers["x-forwarded-proto"], "https");
    assert.equal(headers["x-forwarded-port"], String(gateway.port));
    assert.ok(!JSON.stringify(headers).includes("1.2.3.4"));
  });

  test("headers for one connection only are not passed on", async () => {
    const hop = { connection: "keep-alive, x-mine", "x-mine": "1", te: "gzip", "keep-alive": "timeout=5" };
    const { headers } = await seen({ headers: { ...hop, "x-other": "2" } });
    for (const name of ["x-mine", "te", "keep-alive", "upgrade"]) assert.equal(headers[name], undefined, name);
    assert.equal(headers["x-other"], "2");
  });

  test("over HTTP/2, several at once, with cookies in one header", async () => {
    const session = await gateway.http2("echo");
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, at) =>
        getHttp2(session, { ":method": "POST", ":path": `/${at}`, cookie: ["a=1", "b=2"] as never }, `body ${at}`),
      ),
    );
    for (const [at, { status, body }] of answers.entries()) {
      assert.equal(status, 200);
      const request = JSON.parse(body) as Seen;
      assert.deepEqual([request.url, request.body], [`/${at}`, `body ${at}`]);
      assert.equal(request.headers.cookie, "a=1; b=2");
      assert.equal(request.headers.host, `echo.doors.test:${gateway.port}`);
    }
  });

  test("plain HTTP on the same port reaches doors, too", async () => {
    const headers = { host: "two.doors.test" };
    const request = httpRequest({ host: "127.0.0.1", port: gateway.port, headers, agent: false }).end();
    const [response] = (await once(request, "response")) as [IncomingMessage];
    assert.equal(await text(response), "two");
  });

  test("behind a proxy that terminates TLS, servers learn that visitors use https", async () => {
    await using behind = await TestGateway.start({ behindTls: true });
    await behind.serve("app", ({ headers }, response) => response.end(JSON.stringify(headers)));
    const headers = { host: "app.doors.test" };
    const request = httpRequest({ host: "127.0.0.1", port: behind.port, headers, agent: false }).end();
    const [response] = (await once(request, "response")) as [IncomingMessage];
    const seen = JSON.parse(await text(response)) as Record<string, string>;
    assert.deepEqual([seen["x-forwarded-proto"], seen["x-forwarded-port"]], ["https", "443"]);
    assert.match(seen.forwarded!, /proto=https$/);
  });

  test("names that are no door's go elsewhere", async () => {
    const options = { host: "127.0.0.1", port: gateway.port, rejectUnauthorized: false, agent: false };
    const request = httpsRequest(options).end();
    const [response] = (await once(request, "response")) as [IncomingMessage];
    assert.equal(await text(response), "elsewhere");
  });

  test("a connection into the sandbox is used again, and never for another door", async () => {
    const before = gateway.doors.dialled.length;
    for (let at = 0; at < 5; at++) await gateway.get("two");
    const dialled = gateway.doors.dialled.slice(before);
    assert.ok(dialled.length < 5, `${dialled.length} connections`);
    await gateway.get("echo");
    assert.ok(
      gateway.doors.dialled
        .slice(before)
        .every(({ host }, at) => host === (at < dialled.length ? "two.doors.test" : host)),
    );
  });

  test("a kept connection that the server closed meanwhile costs no request", async () => {
    const server = await gateway.serve("closing", (_request, response) => response.end("fine"));
    for (let at = 0; at < 5; at++) {
      assert.equal((await gateway.get("closing")).body, "fine");
      server.closeAllConnections();
    }
  });

  test("a connection that the server ended on its side only is not used again", async () => {
    for (const at of ["with", "after"]) {
      await gateway.serveBare(`ending-${at}`, (socket) =>
        socket.on("data", () => {
          socket.write("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfine");
          if (at === "with") socket.end();
          else setImmediate(() => socket.end());
        }),
      );
      for (let time = 0; time < 5; time++)
        assert.equal(
          (await gateway.get(`ending-${at}`, { method: "POST", headers: { "content-length": 0 } })).body,
          "fine",
        );
    }
  });
});

describe("responses through a door", async () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await TestGateway.start();
  });
  after(() => gateway[Symbol.asyncDispose]());

  test("status, headers, body and trailers arrive", async () => {
    await gateway.serve("full", (_request, response) => {
      response.writeHead(418, "Short and stout", { "x-a": ["1", "2"], "set-cookie": ["a=1", "b=2"], trailer: "x-sum" });
      response.write("part ");
      response.addTrailers({ "x-sum": "9" });
      response.end("whole");
    });
    const { status, headers, trailers, body } = await gateway.get("full");
    assert.deepEqual([status, body, headers["x-a"], trailers["x-sum"]], [418, "part whole", "1, 2", "9"]);
    assert.deepEqual(headers["set-cookie"], ["a=1", "b=2"]);
    const http2 = await getHttp2(await gateway.http2("full"), { ":path": "/" });
    assert.deepEqual([http2.status, http2.body], [418, "part whole"]);
    assert.deepEqual(http2.headers["set-cookie"], ["a=1", "b=2"]);
  });

  test("answers to HEAD and without content have no body", async () => {
    await gateway.serve("bare", ({ method }, response) => {
      if (method === "HEAD") response.setHeader("content-length", 5).end();
      else response.writeHead(204).end();
    });
    const head = await gateway.get("bare", { method: "HEAD" });
    assert.deepEqual([head.status, head.headers["content-length"], head.body], [200, "5", ""]);
    assert.equal((await gateway.get("bare")).status, 204);
  });

  test("events arrive when they are sent, also when the head comes alone", async () => {
    const sent = Promise.withResolvers<import("node:http").ServerResponse>();
    await gateway.serve("events", (_request, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
      sent.resolve(response);
    });
    const request = httpsRequest(gateway.options("events")).end();
    const [response] = (await once(request, "response")) as [IncomingMessage];
    const server = await sent.promise;
    for (const event of ["data: 1\n\n", "data: 2\n\n"]) {
      server.write(event);
      assert.equal(String((await once(response, "data"))[0]), event);
    }
    server.end();
    await once(response.resume(), "end");
  });

  test("a body that nobody reads slows its server down; one that is not read there, its visitor", async () => {
    let written = 0;
    let stopped = Promise.withResolvers<void>();
    await gateway.serve("endless", (request, response) => {
      if (request.method === "POST") return void request.pause();
      const more = () => {
        while (response.write(Buffer.alloc(64 * 1024)) && written < 256 * MiB) written += 64 * 1024;
        stopped.resolve();
        stopped = Promise.withResolvers();
        response.once("drain", more);
      };
      more();
    });
    const request = httpsRequest(gateway.options("endless")).end();
    const [response] = (await once(request, "response")) as [IncomingMessage];
    response.pause();
    let before = -1;
    // Buffers fill up, and then nothing moves any more.
    for (let still = 0; still < 5; still = written === before ? still + 1 : 0) {
      before = written;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.ok(written < 64 * MiB, `${written / MiB} MiB are held`);
    response.destroy();

    const upload = httpsRequest(
      gateway.options("endless", { method: "POST", headers: { "transfer-encoding": "chunked" } }),
    );
    upload.on("error", () => {});
    let taken = 0;
    for (let blocked = false; !blocked && taken < 256 * MiB; taken += 64 * 1024) {
      if (upload.write(Buffer.alloc(64 * 1024))) continue;
      blocked = await Promise.race([
        once(upload, "drain").then(() => false),
        new Promise<boolean>((resolve) => setTimeout(resolve, 500, true)),
      ]);
    }
    upload.destroy();
    assert.ok(taken < 64 * MiB, `${taken / MiB} MiB are held`);
  });

  test("a body is asked for with 100 (Continue) when the server wants it", async () => {
    const server = await gateway.serve(
      "continue",
      (request, response) => void text(request).then((body) => response.end(body)),
    );
    let asked = 0;
    server.on("checkContinue", (request: IncomingMessage, response) => {
      asked++;
      if (request.url === "/no") return response.writeHead(417).end("no");
      response.writeContinue();
      server.emit("request", request, response);
    });
    const send = async (path: string) => {
      const headers = { expect: "100-continue", "content-length": 4 };
      const request = httpsRequest(gateway.options("continue", { method: "POST", path, headers }));
      request.flushHeaders();
      request.on("continue", () => request.end("body"));
      const [response] = (await once(request, "response")) as [IncomingMessage];
      const whole = `${response.statusCode} ${await text(response)}`;
      request.destroy();
      return whole;
    };
    assert.equal(await send("/"), "200 body");
    assert.equal(await send("/no"), "417 no");
    assert.equal(asked, 2);
  });

  test("a response that breaks off does not look complete", async () => {
    await gateway.serve("broken", ({ url }, response) => {
      response.writeHead(200, url === "/length" ? { "content-length": 100 } : {});
      response.write("part", () => response.socket!.destroy());
    });
    for (const path of ["/length", "/chunks"]) await assert.rejects(gateway.get("broken", { path }), path);
    const session = await gateway.http2("broken");
    await assert.rejects(getHttp2(session, { ":path": "/length" }));
  });

  test("a visitor who leaves ends the request in the sandbox", async () => {
    const gone = Promise.withResolvers<void>();
    await gateway.serve("patient", (_request, response) => response.once("close", () => gone.resolve()));
    const request = httpsRequest(gateway.options("patient")).end();
    request.on("error", () => {});
    while (gateway.doors.dialled.at(-1)?.host !== "patient.doors.test") await new Promise(setImmediate);
    request.destroy();
    await gone.promise;
  });

  test("while nothing listens, people get a page that tries again, and programs a reason", async () => {
    gateway.doors.open("early.doors.test", null);
    const page = await gateway.get("early", { headers: { accept: "text/html,*/*" } });
    assert.equal(page.status, 502);
    assert.match(
      page.body,
      /Nothing is listening here yet.*http-equiv="refresh"|http-equiv="refresh"[^]*Nothing is listening here yet/,
    );
    assert.match(page.body, /port 8000/);
    const { status, body } = await gateway.get("early");
    assert.deepEqual([status, JSON.parse(body).code], [502, "DOOR_NOT_LISTENING"]);
    const session = await gateway.http2("early");
    const http2 = await getHttp2(session, { ":method": "POST", ":path": "/" }, "a body that nobody takes");
    assert.deepEqual([http2.status, JSON.parse(http2.body).code], [502, "DOOR_NOT_LISTENING"]);
  });

  test("a name without a door is not found", async () => {
    const { status, body } = await gateway.get("nobody");
    assert.deepEqual([status, JSON.parse(body).code], [404, "DOOR_NOT_FOUND"]);
    assert.match((await gateway.get("nobody", { headers: { accept: "text/html" } })).body, /<h1>There is nothing here/);
  });
});
