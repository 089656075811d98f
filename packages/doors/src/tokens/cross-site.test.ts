/** Requests that pages of other doors cause: browsers send the cookie of a private door with them, because all doors may be one site. */
import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { after, before, describe, test } from "node:test";
import { getHttp2, TestGateway } from "../testing/gateway.ts";

const TOKEN = "tokentokentokentokentokentoken12";

describe("the cookie of a private door", async () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await TestGateway.start();
    const server = await gateway.serve("mine", (_request, response) => response.end("mine"), {
      [TOKEN]: Date.now() + 600_000,
    });
    server.on("upgrade", (_request, socket: Socket) =>
      socket.end("HTTP/1.1 101 Switching\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n"),
    );
  });
  after(() => gateway[Symbol.asyncDispose]());

  const cookie = `__Host-sandkeep-token=${TOKEN}`;
  const own = () => `https://mine.doors.test:${gateway.port}`;
  const fetched = (site: string, mode = "cors", dest = "empty") => ({
    "sec-fetch-site": site,
    "sec-fetch-mode": mode,
    "sec-fetch-dest": dest,
  });
  const status = async (headers: Record<string, string>, method = "GET") =>
    (await gateway.get("mine", { method, headers: { cookie, ...headers } })).status;

  test("counts in requests of the door's own pages, of people, and of programs", async () => {
    assert.equal(await status({}), 200);
    assert.equal(await status({ origin: own() }, "POST"), 200);
    assert.equal(await status({ origin: own(), ...fetched("same-origin") }, "POST"), 200);
    // A page that sends no referrer.
    assert.equal(await status({ origin: "null", ...fetched("same-origin", "navigate", "document") }, "POST"), 200);
    assert.equal(await status(fetched("none", "navigate", "document")), 200);
    assert.ok((await gateway.upgrade("mine", "/", { cookie, origin: own() })).socket);
    assert.ok((await gateway.upgrade("mine", "/", { cookie, ...fetched("same-origin", "websocket") })).socket);
  });

  test("counts when a link leads there from elsewhere", async () => {
    for (const site of ["same-site", "cross-site"])
      assert.equal(await status(fetched(site, "navigate", "document")), 200);
  });

  test("does not count in WebSockets of other pages, on older browsers either", async () => {
    for (const headers of [
      { origin: `https://hostile.doors.test:${gateway.port}` },
      { origin: "https://mine.doors.test" },
      { origin: `http://mine.doors.test:${gateway.port}` },
      { origin: "null" },
      { origin: "" },
      { ...fetched("same-site", "websocket"), origin: own() },
      fetched("cross-site", "websocket"),
    ]) {
      const { got } = await gateway.upgrade("mine", "/", { cookie, ...headers });
      assert.deepEqual(
        [got?.status, JSON.parse(got!.body).code],
        [401, "DOOR_TOKEN_REQUIRED"],
        JSON.stringify(headers),
      );
    }
  });

  test("does not count in what other pages fetch, submit or frame", async () => {
    const hostile = `https://hostile.doors.test:${gateway.port}`;
    for (const [method, headers] of [
      ["POST", { origin: hostile }],
      ["POST", { origin: hostile, ...fetched("same-site", "no-cors") }],
      ["POST", { origin: hostile, ...fetched("same-site", "navigate", "document") }],
      ["POST", { origin: "null", ...fetched("cross-site", "navigate", "document") }],
      ["GET", fetched("same-site", "no-cors", "script")],
      ["GET", fetched("same-site", "no-cors", "image")],
      ["GET", fetched("same-site", "navigate", "iframe")],
    ] as const) {
      assert.equal(await status(headers, method), 401, JSON.stringify([method, headers]));
    }
    const session = await gateway.http2("mine");
    const over2 = { ":method": "POST", ":path": "/", cookie, ...fetched("same-site", "no-cors"), origin: hostile };
    assert.equal((await getHttp2(session, over2)).status, 401);
  });

  test("a token of the page's own making passes all the same", async () => {
    const origin = `https://elsewhere.test`;
    const { socket } = await gateway.upgrade("mine", `/?sandkeep-token=${TOKEN}`, { origin });
    assert.ok(socket);
    assert.equal(await status({ origin, "x-sandkeep-token": TOKEN, cookie: "" }, "POST"), 200);
  });

  test("is found among others of its name, which scripts of the page may have set", async () => {
    assert.equal(await status({ cookie: `__Host-sandkeep-token=wrong; ${cookie}` }), 200);
    assert.equal(await status({ cookie: `=__Host-sandkeep-token=wrong; ${cookie}` }), 200);
  });
});
