/** FOR TESTS ONLY: deploys to apps over the API. Machines are processes here, so any file of this computer is in each. */
import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { Revision } from "@sandkeep/protocol";
import type { Fixture } from "../../testing/fixture.ts";

/** Lets machines that start from now on find the Deno of the guest image. */
export function addDenoToPath(): void {
  const directory = dirname(createRequire(import.meta.url).resolve("@deno/linux-x64-glibc/package.json"));
  process.env.PATH = `${directory}:${process.env.PATH}`;
}

/** Starts to deploy a program. Returns the revision's id. */
export async function beginDeployment(
  fixture: Fixture,
  sandbox: string,
  app: string,
  source: string,
  more: object = {},
): Promise<string> {
  const path = join(fixture.dir, "apps", String(Math.random()).slice(2));
  await mkdir(path, { recursive: true });
  await writeFile(join(path, "main.ts"), source);
  const body = { app, path, ...more };
  const response = await fixture.request("POST", `/api/v2/sandboxes/${sandbox}/deploy`, { body });
  const answer = (await response.json()) as { revision_id: string };
  assert.equal(response.status, 201, JSON.stringify(answer));
  return answer.revision_id;
}

/** Waits as the official clients do: until the progress ends. */
export async function outcomeOf(fixture: Fixture, revision: string): Promise<Revision> {
  await (await fixture.request("GET", `/api/v2/revisions/${revision}/progress`)).text();
  return await fixture.get<Revision>(`/api/v2/revisions/${revision}`);
}

/** A deployment that is in progress until it is disposed of. */
export async function endlessDeployment(fixture: Fixture, sandbox: string): Promise<{ id: string } & Disposable> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const { storage } = fixture.host;
  storage.gate = (step) => (step === "snapshotVolume" ? promise : Promise.resolve());
  await fixture.request("POST", "/api/v2/apps", { body: { slug: "endless" } });
  return { id: await beginDeployment(fixture, sandbox, "endless", ""), [Symbol.dispose]: resolve };
}

/** Waits for something that the server does by itself. */
export async function until(done: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!(await done())) {
    assert.ok(Date.now() < deadline, "it did not happen in time");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
