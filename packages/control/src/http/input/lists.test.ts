import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { SandboxMetadata } from "@sandkeep/protocol";
import { create } from "../../testing/client.ts";
import { Fixture } from "../../testing/fixture.ts";

/** As both clients do: naive splitting at commas and semicolons (wire-protocol §9). */
function next(response: Response): string | undefined {
  const header = response.headers.get("link");
  if (header === null) return undefined;
  assert.equal(header.split(",").length, 1);
  const [url = "", rel] = header.split(";");
  assert.equal(rel, ' rel="next"');
  return url.trim().slice(1, -1);
}

async function withFive(): Promise<{ fixture: Fixture; ids: string[] }> {
  const fixture = await Fixture.start();
  const ids: string[] = [];
  for (let i = 0; i < 5; i++) {
    const client = await create(fixture, { labels: { parity: i % 2 === 0 ? "even" : "odd", "it's": "a, b; c" } });
    ids.unshift(client.id);
  }
  return { fixture, ids };
}

describe("lists of sandboxes", async () => {
  test("JavaScript's gets everything at once, in camelCase, with those that have stopped", async () => {
    const { fixture, ids } = await withFive();
    await using _ = fixture;
    await fixture.request("DELETE", `/api/v3/sandbox/${ids[2]}`);
    const list = await fixture.get<SandboxMetadata[]>("/api/v2/sandboxes");
    assert.deepEqual(
      list.map(({ id }) => id),
      ids,
    );
    assert.deepEqual(
      list.map(({ status }) => status),
      ["running", "running", "stopped", "running", "running"],
    );
    assert.deepEqual(Object.keys(list[0]!).sort(), ["createdAt", "id", "labels", "region", "status", "stoppedAt"]);
    assert.equal(list[0]!.region, "ord");
    assert.equal(list[0]!.stoppedAt, null);
    assert.ok(Date.parse(list[2]!.stoppedAt as string) >= Date.parse(list[2]!.createdAt));
  });

  test("JavaScript's filter: labels[key]=value", async () => {
    const { fixture, ids } = await withFive();
    await using _ = fixture;
    const query = new URLSearchParams({ "labels[parity]": "odd", "labels[it's]": "a, b; c" });
    assert.deepEqual(
      (await fixture.get<SandboxMetadata[]>(`/api/v2/sandboxes?${query}`)).map(({ id }) => id),
      [ids[1], ids[3]],
    );
    assert.deepEqual(await fixture.get(`/api/v2/sandboxes?labels[parity]=neither`), []);
  });

  test("JavaScript's next page: the cursor of the link's address", async () => {
    const { fixture, ids } = await withFive();
    await using _ = fixture;
    const first = await fixture.request("GET", "/api/v2/sandboxes?limit=2");
    const cursor = new URL(next(first) as string).searchParams.get("cursor") as string;
    const second = await fixture.request("GET", `/api/v2/sandboxes?limit=2&cursor=${encodeURIComponent(cursor)}`);
    assert.deepEqual(
      ((await second.json()) as SandboxMetadata[]).map(({ id }) => id),
      ids.slice(2, 4),
    );
  });

  test("Python's next pages: the link's whole address as the cursor, and a dict as the filter", async () => {
    const { fixture, ids } = await withFive();
    await using _ = fixture;
    const query = new URLSearchParams({ labels: `{"it's": 'a, b; c'}`, limit: "2" });
    const seen: string[] = [];
    let cursor: string | undefined;
    for (let pages = 0; pages < 3; pages++) {
      const response = await fixture.request(
        "GET",
        `/api/v3/sandboxes?${query}${cursor === undefined ? "" : `&cursor=${encodeURIComponent(cursor)}`}`,
      );
      assert.equal(response.status, 200);
      seen.push(...((await response.json()) as SandboxMetadata[]).map(({ id }) => id));
      cursor = next(response);
      assert.equal(cursor === undefined, pages === 2);
    }
    assert.deepEqual(seen, ids);
  });

  test("a page has 30 if nobody says otherwise", async () => {
    const { fixture } = await withFive();
    await using _ = fixture;
    const response = await fixture.request("GET", "/api/v3/sandboxes");
    assert.equal(((await response.json()) as unknown[]).length, 5);
    assert.equal(next(response), undefined);
  });

  test("Sandkeep's own can be asked for what runs, or has stopped", async () => {
    const { fixture, ids } = await withFive();
    await using _ = fixture;
    await fixture.request("DELETE", `/api/v3/sandbox/${ids[0]}`);
    const of = async (status: string) =>
      (await fixture.get<SandboxMetadata[]>(`/api/v1/sandboxes?status=${status}`)).map(({ id }) => id);
    assert.deepEqual(await of("stopped"), [ids[0]]);
    assert.deepEqual(await of("running"), ids.slice(1));
  });
});
