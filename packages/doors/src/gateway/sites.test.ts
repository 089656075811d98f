import assert from "node:assert/strict";
import { once } from "node:events";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { silentLogger } from "@sandkeep/common";
import { Listener } from "./listener.ts";
import { type Site, Sites } from "./sites.ts";

let listener: Listener;
let sites: Sites;
const port = () => listener.port;

/** A site that answers with its name, and switches protocols on request. */
const named = (name: string): Site => ({
  request: (_request, response) => void response.end(name),
  upgrade: (_request, socket) =>
    void socket.end(
      `HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nsite: ${name}\r\n\r\n`,
    ),
});

before(async () => {
  sites = new Sites(named("fallback"));
  sites.add("dash.example.com", named("dashboard"));
  sites.add("*.doors.example.com", named("doors"));
  sites.add("own.doors.example.com", named("own"));
  listener = await Listener.start({
    sites,
    certificates: null,
    plain: true,
    maxConnections: 100,
    log: silentLogger,
    host: "127.0.0.1",
    port: 0,
  });
});
after(() => {
  listener.closeAllConnections();
  listener.close();
});

/** The site that answers a request, and the one that answers an upgrade. */
async function answering(host: string, path = "/"): Promise<string[]> {
  const request = httpRequest({ host: "127.0.0.1", port: port(), path, headers: { host } }).end();
  const [response] = (await once(request, "response")) as [IncomingMessage];
  const headers = { host, connection: "upgrade", upgrade: "websocket" };
  const upgrade = httpRequest({ host: "127.0.0.1", port: port(), path, headers }).end();
  const [switched, socket] = await once(upgrade, "upgrade");
  socket.destroy();
  return [await text(response), switched.headers.site];
}

const both = (name: string) => [name, name];

test("requests and upgrades go to the site of the name they are addressed to", async () => {
  assert.deepEqual(await answering("dash.example.com"), both("dashboard"));
  assert.deepEqual(await answering("own.doors.example.com"), both("own"));
  assert.deepEqual(await answering("a1.doors.example.com"), both("doors"));
});

test("a name counts however it is written, with a port or without", async () => {
  for (const host of ["DASH.Example.com", "dash.example.com.", "dash.example.com:8443", "dash.example.com.:80"])
    assert.deepEqual(await answering(host), both("dashboard"), host);
});

test("every other name, address and nonsense goes to the fallback", async () => {
  for (const host of [
    "example.com",
    "doors.example.com",
    "a.b.doors.example.com",
    ".doors.example.com",
    "dash.example.com.evil.test",
    "*.doors.example.com",
    "127.0.0.1",
    `127.0.0.1:${port()}`,
    "[::1]:80",
    "",
    "dash.example.com/x",
    "user@dash.example.com",
  ])
    assert.deepEqual(await answering(host), both("fallback"), host);
});

test("a target that is a whole URL counts before the Host header", async () => {
  assert.deepEqual(await answering("own.doors.example.com", "http://dash.example.com/x"), both("dashboard"));
  assert.deepEqual(await answering("own.doors.example.com", "HTTP://DASH.example.com:80/x"), both("dashboard"));
  assert.deepEqual(await answering("dash.example.com", "http://other.example/"), both("fallback"));
  assert.deepEqual(await answering("dash.example.com", "http://"), both("fallback"));
});

test("a request of HTTP/1.0 without a Host goes to the fallback", async () => {
  const socket = connect(port(), "127.0.0.1");
  socket.write("GET / HTTP/1.0\r\n\r\n");
  assert.match(await text(socket), /fallback$/);
});

test("a pattern has one site, until that is disposed", async () => {
  {
    using _site = sites.add("App.example.com", named("app"));
    assert.throws(() => sites.add("app.example.com", named("another")), /app\.example\.com already has a site/);
    assert.deepEqual(await answering("app.example.com"), both("app"));
  }
  assert.deepEqual(await answering("app.example.com"), both("fallback"));
});
