import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { ApiError } from "../errors/api.ts";
import { NetworkError } from "../errors/connection.ts";
import { PeerServer } from "../testing/peer.ts";
import { Snapshot } from "../volumes/snapshot.ts";
import { Volume } from "../volumes/volume.ts";
import { Client } from "./client.ts";

interface Answer {
  status?: number;
  headers?: Record<string, string>;
  body?: unknown;
}

interface Seen {
  method: string;
  url: string;
  body: unknown;
}

async function api(
  answer: (seen: Seen) => Answer,
): Promise<{ server: PeerServer; client: Client; seen: Seen[] } & AsyncDisposable> {
  const seen: Seen[] = [];
  const server = await PeerServer.start({}, (request, response, body) => {
    const one = {
      method: String(request.method),
      url: decodeURIComponent(String(request.url)),
      body: body ? JSON.parse(body) : undefined,
    };
    seen.push(one);
    const { status = 200, headers = {}, body: content } = answer(one);
    response.writeHead(status, headers).end(typeof content === "string" ? content : JSON.stringify(content ?? null));
  });
  return {
    server,
    client: new Client(server.options),
    seen,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

const VOLUME = {
  id: "v1",
  slug: "data",
  region: "ord",
  capacity: 1e9,
  estimated_allocated_size: 1,
  estimated_flattened_size: 2,
  is_bootable: false,
  base_snapshot: null,
};
const SNAPSHOT = {
  id: "s1",
  slug: "frozen",
  region: "ord",
  allocated_size: 1,
  flattened_size: 2,
  is_bootable: true,
  volume: { id: "v1", slug: "data" },
};

test("sends each request to the right path", async () => {
  await using mock = await api(({ url }) => ({
    body: url.includes("/import")
      ? VOLUME
      : /volumes\/[^/]+\/snapshot$|snapshots\/x(\/restore)?$/.test(url)
        ? SNAPSHOT
        : /volumes(\/x(\/restore)?)?$/.test(url)
          ? VOLUME
          : url.includes("logs")
            ? { logs: [] }
            : [],
  }));
  const { client, seen } = mock;
  await client.apps.get("a/b");
  await client.apps.list({ labels: { k: "v" }, layer: "l", limit: 2 });
  await client.apps.create({ slug: "a" });
  await client.apps.update("a", { slug: "b" });
  await client.apps.delete("a");
  await client.apps.deploy("a", { assets: {} });
  await client.apps.logs("a", { start: "s", limit: 1 });
  await client.layers.get("l");
  await client.layers.list({ search: "x" });
  await client.layers.create({ slug: "l" });
  await client.layers.update("l", { description: "d" });
  await client.layers.delete("l");
  await client.layers.apps("l");
  await client.volumes.get("x");
  await client.volumes.create({ slug: "x", region: "ord", capacity: "1GB" });
  await client.volumes.delete("x");
  await client.volumes.snapshot("x", { slug: "y" });
  await client.volumes.delete("x", { now: true });
  await client.volumes.grow("x", "2GB");
  await client.volumes.restore("x", { slug: "z" });
  await client.volumes.import(new Blob(['{"region":"ord"}']), { slug: "i" });
  await client.snapshots.get("x");
  await client.snapshots.delete("x", { now: true });
  await client.snapshots.restore("x");
  await client.snapshots.list({ cursor: "c" });
  await client.snapshots.delete("x");
  await client.revisions.get("r");
  await client.revisions.list("a", { status: "failed" });
  await client.revisions.cancel("r");
  await client.revisions.timelines("r");
  await client.revisions.delete("r");
  await client.timelines.list("a");
  assert.deepEqual(
    seen.map(({ method, url, body }) => `${method} ${url}${body ? ` ${JSON.stringify(body)}` : ""}`),
    [
      "GET /api/v2/apps/a/b",
      "GET /api/v2/apps?limit=2&layer=l&labels[k]=v",
      'POST /api/v2/apps {"slug":"a"}',
      'PATCH /api/v2/apps/a {"slug":"b"}',
      "DELETE /api/v2/apps/a",
      'POST /api/v2/apps/a/deploy {"assets":{}}',
      "GET /api/v2/apps/a/logs?start=s&limit=1",
      "GET /api/v2/layers/l",
      "GET /api/v2/layers?search=x",
      'POST /api/v2/layers {"slug":"l"}',
      'PATCH /api/v2/layers/l {"description":"d"}',
      "DELETE /api/v2/layers/l",
      "GET /api/v2/layers/l/apps",
      "GET /api/v2/volumes/x",
      'POST /api/v2/volumes {"slug":"x","region":"ord","capacity":"1GB"}',
      "DELETE /api/v2/volumes/x",
      'POST /api/v2/volumes/x/snapshot {"slug":"y"}',
      "DELETE /api/v1/volumes/x",
      'PATCH /api/v1/volumes/x {"capacity":"2GB"}',
      'POST /api/v1/volumes/x/restore {"slug":"z"}',
      'POST /api/v1/volumes/import?slug=i {"region":"ord"}',
      "GET /api/v2/snapshots/x",
      "DELETE /api/v1/snapshots/x",
      "POST /api/v1/snapshots/x/restore {}",
      "GET /api/v2/snapshots?cursor=c",
      "DELETE /api/v2/snapshots/x",
      "GET /api/v2/revisions/r",
      "GET /api/v2/apps/a/revisions?status=failed",
      "POST /api/v2/revisions/r/cancel",
      "GET /api/v2/revisions/r/timelines",
      "DELETE /api/v2/revisions/r",
      "GET /api/v2/apps/a/timelines",
    ],
  );
});

test("follows a list through its pages with the same filter", async () => {
  await using mock = await api(({ url }) => {
    const cursor = new URL(url, "http://x").searchParams.get("cursor");
    const link = `<http://x/api/v2/volumes?cursor=second>; rel="next"`;
    const headers: Record<string, string> = cursor ? {} : { link };
    return { body: [{ ...VOLUME, slug: cursor ?? "first" }], headers };
  });
  const page = await mock.client.volumes.list({ search: "x", limit: 1 });
  assert.deepEqual([page.hasMore, page.nextCursor, page.items.length], [true, "second", 1]);
  assert.deepEqual(
    (await Array.fromAsync(page)).map(({ slug }) => slug),
    ["first", "second"],
  );
  assert.ok(mock.seen.every(({ url }) => url.includes("search=x") && url.includes("limit=1")));
  const last = await page.getNextPage();
  assert.deepEqual([last?.hasMore, await last?.getNextPage()], [false, null]);
});

test("lists the sandboxes of all pages, with dates", async () => {
  const listed = {
    id: "a",
    createdAt: "2026-01-02T03:04:05.000Z",
    stoppedAt: null,
    region: "ord",
    status: "running",
    labels: {},
  };
  await using mock = await api(({ url }) =>
    url.includes("cursor")
      ? { body: [{ ...listed, id: "b", stoppedAt: "2026-01-02T03:05:05.000Z", status: "stopped" }] }
      : { body: [listed], headers: { link: `<http://x/api/v2/sandboxes?cursor=2>; rel="next"` } },
  );
  const [a, b, ...rest] = await mock.client.sandboxes.list({ labels: { k: "v" } });
  assert.equal(a?.createdAt.toISOString(), listed.createdAt);
  assert.equal(a?.stoppedAt, null);
  assert.equal(b?.stoppedAt?.getTime(), a.createdAt.getTime() + 60_000);
  assert.equal(rest.length, 0);
  assert.equal(mock.seen[0]?.url, "/api/v2/sandboxes?labels[k]=v");
});

test("resolves to null for what does not exist, and throws other refusals", async () => {
  let answer: Answer = {
    status: 404,
    body: { code: "NOT_FOUND", message: "No." },
    headers: { "x-deno-trace-id": "t" },
  };
  await using mock = await api(() => answer);
  assert.equal(await mock.client.volumes.get("x"), null);
  assert.equal(await mock.client.apps.get("x"), null);
  const refused = await mock.client.apps.delete("x").catch((error) => error);
  assert.ok(refused instanceof ApiError);
  assert.deepEqual(
    [refused.name, refused.status, refused.code, refused.traceId],
    ["ClientError", 404, "NOT_FOUND", "t"],
  );
  answer = { status: 500, body: "<html>" };
  await assert.rejects(() => mock.client.volumes.get("x"), { code: "INVALID_RESPONSE_BODY", status: 500 });
  answer = { status: 500, body: { error: "?" } };
  await assert.rejects(() => mock.client.sandboxes.list(), { code: "UNKNOWN_ERROR" });
  const nowhere = new Client({ token: "ddo_test", apiEndpoint: "http://127.0.0.1:1" });
  await assert.rejects(
    () => nowhere.apps.list(),
    (error) => error instanceof NetworkError && /127\.0\.0\.1:1/.test(error.message),
  );
});

test("creates and finds volumes and snapshots with their classes", async () => {
  await using mock = await api(({ url }) => ({ body: url.includes("snapshot") ? SNAPSHOT : VOLUME }));
  const { options } = mock.server;
  const volume = await Volume.create({ ...options, slug: "data", region: "ord", capacity: "1GB" });
  assert.deepEqual(
    [volume.capacity, volume.estimatedAllocatedSize, volume.isBootable, volume.baseSnapshot],
    [1e9, 1, false, null],
  );
  assert.match(inspect(volume), /^Volume \{\s+id: 'v1'/);
  assert.equal((await Volume.get("data", options))?.id, "v1");
  const snapshot = await Snapshot.create("data", { ...options, slug: "frozen" });
  assert.deepEqual([snapshot.flattenedSize, snapshot.volume.slug, snapshot.isBootable], [2, "data", true]);
  assert.equal((await Snapshot.get("frozen", options))?.slug, "frozen");
  assert.deepEqual(
    mock.seen.map(({ body }) => body),
    [{ slug: "data", region: "ord", capacity: "1GB" }, undefined, { slug: "frozen" }, undefined],
  );
});

test("reads the progress and the log of a build as they arrive", async () => {
  await using mock = await api(({ url }) => ({
    body: url.includes("progress")
      ? 'data: {"queued":{"status":"running"}}\n\n'
      : 'data: {"message":"a"}\n\ndata: {"message":"b"}\n\n',
  }));
  assert.equal((await Array.fromAsync(mock.client.revisions.progress("r"))).length, 1);
  const lines = await Array.fromAsync(mock.client.revisions.buildLogs("r", { step: "building" }));
  assert.deepEqual(
    lines.map(({ message }) => message),
    ["a", "b"],
  );
  assert.equal(mock.seen[1]?.url, "/api/v2/revisions/r/build_logs?step=building");
});
