import assert from "node:assert/strict";
import { before, test } from "node:test";
import type { DenoProcess } from "sandkeep";
import { encode, sha256, testBytes } from "../harness/bytes.ts";
import type { Sdk } from "../harness/sdk.ts";
import { sharedSandbox } from "../harness/shared.ts";

/** A server inside the sandbox with everything a client may encounter. */
const SERVER = `
const routes = {
  "/echo": async (request) => new Response(await request.arrayBuffer(), { headers: { "x-method": request.method, "x-type": request.headers.get("content-type") ?? "none" } }),
  "/headers": (request) => Response.json([...request.headers]),
  "/status": (request) => new Response(null, { status: Number(new URL(request.url).searchParams.get("code")) }),
  "/redirect": () => new Response(null, { status: 302, headers: { location: "/target" } }),
  "/loop": () => new Response(null, { status: 302, headers: { location: "/loop" } }),
  "/target": () => new Response("arrived"),
  "/cookies": () => new Response("", { headers: [["set-cookie", "a=1"], ["set-cookie", "b=2"]] }),
  "/gzip": () => new Response(new Blob(["compressed ".repeat(1000)]).stream().pipeThrough(new CompressionStream("gzip")), { headers: { "content-encoding": "gzip" } }),
  "/slow": () => new Promise(() => {}),
  "/ticks": () => {
    let n = 0, timer;
    return new Response(new ReadableStream({
      start(c) { timer = setInterval(() => c.enqueue(new TextEncoder().encode(\`tick \${n++}\\n\`)), 20); },
      cancel() { clearInterval(timer); globalThis.cancelled = true; },
    }));
  },
  "/cancelled": () => new Response(String(globalThis.cancelled ?? false)),
};
Deno.serve({ port: 8000, hostname: "0.0.0.0" }, (request) => routes[new URL(request.url).pathname]?.(request) ?? new Response("no such route", { status: 404 }));
`;

/** `sandbox.fetch`: requests from inside the sandbox. */
export default function requests(sdk: Sdk): void {
  const sandbox = sharedSandbox(sdk);
  before(async () => {
    const server: DenoProcess = await sandbox().deno.run({ code: SERVER, stdout: "null", stderr: "null" });
    assert.equal(await server.httpReady, true);
  });

  const at = (path: string) => `http://localhost:8000${path}`;
  const fetch = (path: string, init?: Parameters<ReturnType<typeof sandbox>["fetch"]>[1]) =>
    sandbox().fetch(at(path), init);

  test("gives status, headers and body", async () => {
    const response = await sandbox().fetch(new URL(at("/target")));
    assert.deepEqual([response.status, response.ok, await response.text()], [200, true, "arrived"]);
    const missing = await fetch("/nowhere");
    assert.deepEqual([missing.status, missing.ok, await missing.text()], [404, false, "no such route"]);
    for (const code of [204, 304, 500]) assert.equal((await fetch(`/status?code=${code}`)).status, code);
    assert.deepEqual((await fetch("/cookies")).headers.getSetCookie(), ["a=1", "b=2"]);
  });

  test("sends methods, headers and bodies", async () => {
    const data = testBytes(500_000);
    const response = await fetch("/echo", {
      method: "POST",
      body: data,
      headers: { "content-type": "application/x-test" },
    });
    assert.deepEqual(
      [response.headers.get("x-method"), response.headers.get("x-type")],
      ["POST", "application/x-test"],
    );
    assert.equal(sha256(new Uint8Array(await response.arrayBuffer())), sha256(data));
    const text = await fetch("/echo", { method: "PUT", body: "ä" });
    assert.deepEqual([text.headers.get("x-type"), await text.text()], ["text/plain;charset=UTF-8", "ä"]);
    const form = await fetch("/echo", { method: "POST", body: new URLSearchParams({ a: "1 2" }) });
    assert.equal(await form.text(), "a=1+2");
    const headers = (await (
      await fetch("/headers", {
        headers: [
          ["x-one", "1"],
          ["x-two", "2"],
        ],
      })
    ).json()) as [string, string][];
    assert.deepEqual(
      headers.filter(([name]) => name.startsWith("x-")),
      [
        ["x-one", "1"],
        ["x-two", "2"],
      ],
    );
    await assert.rejects(() => fetch("/echo", { method: "GET", body: "no" }), TypeError);
    // The platform's own client cannot send a stream from Node.
    if (sdk.official) return;
    const stream = ReadableStream.from([encode("one "), encode("two")]) as unknown as ReadableStream<
      Uint8Array<ArrayBuffer>
    >;
    assert.equal(await (await fetch("/echo", { method: "POST", body: stream })).text(), "one two");
  });

  test("follows redirects, or gives them to the caller", async () => {
    const followed = await fetch("/redirect");
    assert.deepEqual([followed.status, await followed.text()], [200, "arrived"]);
    const manual = await fetch("/redirect", { redirect: "manual" });
    assert.deepEqual([manual.status, manual.headers.get("location")], [302, "/target"]);
    await assert.rejects(() => fetch("/loop"), Error);
  });

  test("gives bodies decoded, as fetch does", async () => {
    assert.equal(await (await fetch("/gzip")).text(), "compressed ".repeat(1000));
  });

  test("gives a body while it comes, and stops it when it is not read any more", async () => {
    const response = await fetch("/ticks");
    const reader = response
      .body!.pipeThrough(new TextDecoderStream() as never)
      .getReader() as ReadableStreamDefaultReader<string>;
    let seen = "";
    while (!seen.includes("tick 3\n")) seen += (await reader.read()).value;
    assert.ok(seen.startsWith("tick 0\ntick 1\n"));
    await reader.cancel(new Error("enough"));
    while ((await (await fetch("/cancelled")).text()) !== "true")
      await new Promise((resolve) => setTimeout(resolve, 20));
  });

  test("is aborted by a signal", async () => {
    await assert.rejects(() => fetch("/slow", { signal: AbortSignal.timeout(200) }), { name: "AbortError" });
    const controller = new AbortController();
    const pending = fetch("/slow", { signal: controller.signal });
    setTimeout(() => controller.abort(), 50);
    await assert.rejects(pending, { name: "AbortError" });
    assert.equal(await (await fetch("/target", { signal: null })).text(), "arrived");
  });

  test("fails where nobody listens", async () => {
    const error = await sandbox()
      .fetch("http://localhost:9/")
      .then(
        () => assert.fail("somebody answered"),
        (error) => error,
      );
    assert.ok(error instanceof Error);
    assert.match(`${error.message} ${(error as { code?: string }).code}`, /refused|ECONNREFUSED/i);
  });

  test("makes many requests at once", async () => {
    const texts = await Promise.all(
      Array.from({ length: 20 }, async (_, index) =>
        (await fetch("/echo", { method: "POST", body: String(index) })).text(),
      ),
    );
    assert.deepEqual(
      texts,
      Array.from({ length: 20 }, (_, index) => String(index)),
    );
  });
}
