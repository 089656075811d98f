/** Private doors: who has the token passes, and what is behind the door never sees it. */
import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { after, before, describe, test } from "node:test";
import { type Got, getHttp2, TestGateway } from "../testing/gateway.ts";

const TOKEN = "tokentokentokentokentokentoken12";
const LATER = () => Date.now() + 60_000;

describe("private doors", async () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await TestGateway.start();
    const show = await gateway.serve(
      "secret",
      ({ url, headers }, response) => response.end(JSON.stringify({ url, headers })),
      { [TOKEN]: LATER(), expired: Date.now() - 1 },
    );
    show.on("upgrade", (request, socket: Socket) => {
      const seen = Buffer.from(JSON.stringify({ url: request.url, headers: request.headers })).toString("base64");
      socket.end(`HTTP/1.1 101 x\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n${seen}`);
    });
    await gateway.serve("other", (_request, response) => response.end("other"), { another: LATER() });
    await gateway.serve("public", ({ url }, response) => response.end(url));
  });
  after(() => gateway[Symbol.asyncDispose]());

  const passed = (got: Got): { url: string; headers: Record<string, string> } => {
    assert.equal(got.status, 200, got.body);
    assert.ok(!got.body.includes(TOKEN), "the server behind the door sees the token");
    return JSON.parse(got.body);
  };
  const refused = async (headers: Record<string, string>, path = "/", name = "secret") => {
    const { status, body } = await gateway.get(name, { headers, path });
    assert.deepEqual([status, JSON.parse(body).code], [401, "DOOR_TOKEN_REQUIRED"]);
  };

  test("nobody passes without a token, or with a wrong, an expired, or another door's", async () => {
    await refused({});
    await refused({ "x-sandkeep-token": "guess" });
    await refused({ "x-sandkeep-token": "another" });
    await refused({}, "/?sandkeep-token=expired");
    await refused({ cookie: "__Host-sandkeep-token=" });
    await refused({ "x-sandkeep-token": TOKEN }, "/", "other");
    const page = await gateway.get("secret", { headers: { accept: "text/html" } });
    assert.match(page.body, /This page is private/);
    assert.equal((await gateway.upgrade("secret")).got!.status, 401);
    assert.equal((await getHttp2(await gateway.http2("secret"), { ":path": "/" })).status, 401);
  });

  test("a header, a cookie, the query and the host name carry it", async () => {
    passed(await gateway.get("secret", { headers: { "X-Sandkeep-Token": TOKEN } }));
    const cookie = `a=1; __Host-sandkeep-token=${TOKEN}; b=2`;
    assert.equal(passed(await gateway.get("secret", { headers: { cookie } })).headers.cookie, "a=1; b=2");
    const only = await gateway.get("secret", { headers: { cookie: `__Host-sandkeep-token=${TOKEN}` } });
    assert.equal(passed(only).headers.cookie, undefined);
    for (const [path, url] of [
      [`/?sandkeep-token=${TOKEN}`, "/"],
      [`/x?a=1&sandkeep-token=${TOKEN}&b=%20`, "/x?a=1&b=%20"],
    ] as const)
      assert.equal(passed(await gateway.get("secret", { path })).url, url);
  });

  test("a host name with the token is a door of its own, which the server does not notice", async () => {
    const origin = `https://${TOKEN}--secret.doors.test:${gateway.port}`;
    const headers = { origin, referer: `${origin}/x?sandkeep-token=${TOKEN}&a=1` };
    const { headers: seen } = passed(await gateway.get(`${TOKEN}--secret`, { headers }));
    const own = `secret.doors.test:${gateway.port}`;
    assert.deepEqual([seen.host, seen["x-forwarded-host"]], [own, own]);
    assert.deepEqual([seen.origin, seen.referer], [`https://${own}`, `https://${own}/x?a=1`]);
    const written = { origin: origin.toUpperCase(), referer: `HTTPS://${origin.slice(8).toUpperCase()}/y` };
    const { headers: cleaned } = passed(await gateway.get(`${TOKEN}--secret`, { headers: written }));
    assert.deepEqual([cleaned.origin, cleaned.referer], [`https://${own}`, `https://${own}/y`]);
    assert.equal((await gateway.get(`${TOKEN}--public`)).status, 404);
    assert.equal((await gateway.get("guess--secret")).status, 401);
  });

  test("a link with the token leads a person to the same address without it, and a cookie", async () => {
    const path = `/x?a=1&sandkeep-token=${TOKEN}`;
    for (const headers of [{ accept: "text/html" }, { "sec-fetch-mode": "navigate" }]) {
      const { status, headers: answer } = await gateway.get("secret", { path, headers });
      assert.deepEqual([status, answer.location], [302, `https://secret.doors.test:${gateway.port}/x?a=1`]);
      const [cookie = ""] = answer["set-cookie"] ?? [];
      assert.match(
        cookie,
        new RegExp(`^__Host-sandkeep-token=${TOKEN}; Path=/; Max-Age=\\d+; Secure; HttpOnly; SameSite=Lax$`),
      );
      passed(await gateway.get("secret", { path: "/x?a=1", headers: { cookie: cookie.split(";")[0]! } }));
    }
    // No redirect to another host.
    const { status, headers } = await gateway.get("secret", {
      path: `//evil.test/?sandkeep-token=${TOKEN}`,
      headers: { accept: "text/html" },
    });
    assert.deepEqual([status, headers.location], [302, `https://secret.doors.test:${gateway.port}//evil.test/`]);
  });

  test("a new link works for who still has an old cookie", async () => {
    const headers = { cookie: "__Host-sandkeep-token=expired", accept: "*/*" };
    passed(await gateway.get("secret", { path: `/?sandkeep-token=${TOKEN}`, headers }));
  });

  test("a WebSocket needs nothing but its address", async () => {
    for (const [name, path] of [
      ["secret", `/socket?sandkeep-token=${TOKEN}`],
      [`${TOKEN}--secret`, "/socket"],
    ] as const) {
      const { socket } = await gateway.upgrade(name, path);
      assert.ok(socket, name);
      let base64 = "";
      for await (const chunk of socket) base64 += chunk;
      const seen = Buffer.from(base64, "base64").toString();
      assert.equal(JSON.parse(seen).url, "/socket");
      assert.ok(!seen.includes(TOKEN));
    }
  });

  test("the server behind a door cannot set the gateway's cookie, nor one for other doors", async () => {
    const cookies = [
      "__Host-sandkeep-token=stolen; Path=/; Secure",
      "__HOST-Sandkeep-Token=stolen",
      "=__Host-sandkeep-token=stolen",
      "a=1; Domain=doors.test; Path=/",
      "b=2; domain = .doors.test; HttpOnly",
      "c=3; Path=/",
    ];
    await gateway.serve("cookies", (_request, response) => response.setHeader("set-cookie", cookies).end());
    const { headers } = await gateway.get("cookies");
    assert.deepEqual(headers["set-cookie"], ["a=1; Path=/", "b=2; HttpOnly", "c=3; Path=/"]);
  });
});
