import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";
import { rpcMethods } from "@sandkeep/protocol";
import { startSandbox } from "../testing/mod.ts";

let sandbox: Awaited<ReturnType<typeof startSandbox>>;
let origin: string;
const routes: Record<string, (request: IncomingMessage, response: ServerResponse) => void> = {
  "/hello": (_request, response) => response.setHeader("x-two", ["a", "b"]).end("hello"),
  "/echo": (request, response) => {
    response.setHeader("x-method", request.method!).setHeader("x-header", String(request.headers["x-header"]));
    request.pipe(response);
  },
  "/gzip": (_request, response) => response.setHeader("content-encoding", "gzip").end(gzipSync("unpacked")),
  "/redirect": (_request, response) => response.writeHead(302, { location: "/hello" }).end("moved"),
  "/never": () => {},
  "/endless": (_request, response) => void response.write("first"),
  "/broken": (_request, response) =>
    void response.writeHead(200, { "content-length": "100" }).write("part", () => response.destroy()),
};
const server = createServer((request, response) => {
  const status = /^\/status\/(\d+)$/.exec(request.url!);
  if (status) return void response.writeHead(Number(status[1])).end();
  (routes[request.url!] ?? ((_request, answer) => void answer.writeHead(404).end()))(request, response);
});

before(async () => {
  sandbox = await startSandbox();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
after(async () => {
  await sandbox[Symbol.asyncDispose]();
  server.closeAllConnections();
  server.close();
});

const request = (path: string, params: object = {}) =>
  sandbox.client.request("fetch", {
    url: path.startsWith("/") ? origin + path : path,
    method: "GET",
    headers: [],
    redirect: "follow",
    ...params,
  });
async function fetched(path: string, params: object = {}) {
  const { result } = await request(path, params);
  if (result!.error) throw new Error(result!.error.message);
  assert.ok(rpcMethods.fetch.result.safeParse(result!.ok).success);
  const { bodyStreamId } = result!.ok;
  return { ...result!.ok, text: bodyStreamId === null ? null : (await sandbox.client.ended(bodyStreamId)).text };
}

test("fetch gives status, headers and body", async () => {
  const { status, statusText, headers, text } = await fetched("/hello", { abortId: 1 });
  assert.equal(status, 200);
  assert.equal(statusText, "OK");
  assert.equal(text, "hello");
  assert.deepEqual(
    headers.filter(([name]: [string]) => name === "x-two"),
    [
      ["x-two", "a"],
      ["x-two", "b"],
    ],
  );
});

test("fetch sends method, headers and a streamed body", async () => {
  const bodyStreamId = sandbox.client.startStream();
  const answer = fetched("/echo", { method: "PUT", headers: [["x-header", "v"]], bodyStreamId });
  for (const part of ["one ", "two"]) sandbox.client.enqueue(bodyStreamId, part);
  sandbox.client.endStream(bodyStreamId);
  const { headers, text } = await answer;
  assert.equal(text, "one two");
  assert.ok(headers.some(([name, value]: [string, string]) => name === "x-method" && value === "PUT"));
  assert.ok(headers.some(([name, value]: [string, string]) => name === "x-header" && value === "v"));
});

test("bodies arrive decoded, without the headers of the encoding", async () => {
  const { headers, text } = await fetched("/gzip");
  assert.equal(text, "unpacked");
  assert.ok(!headers.some(([name]: [string]) => /^content-(encoding|length)$/.test(name)));
});

test("redirects are followed, or handed out", async () => {
  assert.equal((await fetched("/redirect")).text, "hello");
  const manual = await fetched("/redirect", { redirect: "manual" });
  assert.equal(manual.status, 302);
  assert.equal(manual.text, "moved");
});

test("statuses that have no body have no stream", async () => {
  for (const status of [204, 205, 304]) {
    const answer = await fetched(`/status/${status}`);
    assert.equal(answer.status, status);
    assert.equal(answer.bodyStreamId, null);
  }
  assert.equal((await fetched("/hello", { method: "HEAD" })).bodyStreamId, null);
  assert.equal((await fetched("/status/599")).status, 599);
});

test("a fetch is aborted before its answer, and during its body", async () => {
  const before = request("/never", { abortId: 5 });
  await sandbox.client.call("abort", { abortId: 5 });
  assert.equal((await before).result!.error!.name, "AbortError");

  const { result } = await request("/endless", { abortId: 6 });
  const stream = sandbox.client.stream(result!.ok.bodyStreamId);
  await sandbox.client.until(() => stream.text === "first");
  await sandbox.client.call("abort", { abortId: 6 });
  await sandbox.client.ended(result!.ok.bodyStreamId);
  assert.equal(stream.events.find(({ kind }) => kind === "error")!.error!.name, "AbortError");
});

test("a body that breaks off fails its stream", async () => {
  const { result } = await request("/broken");
  const stream = await sandbox.client.ended(result!.ok.bodyStreamId);
  assert.ok(stream.kinds.includes("error"));
});

test("what cannot be fetched is a TypeError, as Deno has it", async () => {
  for (const url of [
    "nonsense",
    "",
    "/relative:",
    "ftp://example.com/",
    "file:///etc/passwd",
    "http://127.0.0.1:1/",
    "http://",
    "http://a b/",
  ]) {
    const { result } = await sandbox.client.request("fetch", { url, method: "GET", headers: [], redirect: "follow" });
    assert.equal(result!.error!.constructorName, "TypeError", url);
  }
  for (const params of [
    { method: "BAD METHOD" },
    { headers: [["bad name", "x"]] },
    { headers: [["x", "a\r\nb: c"]] },
  ]) {
    assert.equal((await request("/hello", params)).result!.error!.constructorName, "TypeError", JSON.stringify(params));
  }
});

test("an address leads to a port; what makes no sense is refused", async () => {
  await sandbox.client.call("exposeHttp", { domain: "x.localhost:7777", port: 80 });
  assert.deepEqual(sandbox.exposed, [["x.localhost:7777", { port: 80 }]]);
  for (const [params, constructorName, code] of [
    [{ domain: "x.localhost" }, "TypeError", undefined],
    [{ domain: "x.localhost", port: 80, pid: 1 }, "TypeError", undefined],
    [{ domain: "x.localhost", pid: 1 }, "TypeError", "ENOENT"],
    [{ domain: "unknown.localhost", port: 80 }, "Error", "DOOR_NOT_FOUND"],
  ] as const) {
    const { error } = (await sandbox.client.request("exposeHttp", params)).result!;
    assert.deepEqual([error!.constructorName, error!.code], [constructorName, code], JSON.stringify(params));
  }
});

test("VS Code is not there yet, and says so", async () => {
  const { result } = await sandbox.client.request("vscode", { path: "/home/app", extensions: [] });
  assert.equal(result!.error!.constructorName, "NotSupported");
  assert.match(result!.error!.message, /not available in this version/);
});
