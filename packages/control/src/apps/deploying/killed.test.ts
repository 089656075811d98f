import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { BuildLog, Production, Revision } from "@sandkeep/protocol";
import { sharedAgent } from "../../testing/agent-binary.ts";
import { create } from "../../testing/client.ts";
import { Fixture } from "../../testing/fixture.ts";
import { addDenoToPath, beginDeployment, outcomeOf, until } from "../testing/deploy.ts";

addDenoToPath();

/** A server in a process of its own, on the fixture's data. */
async function serve({ dir }: Fixture): Promise<{ kill(): Promise<void>; apiEndpoint: string; token: string }> {
  const readyFile = join(dir, "ready.json");
  const script = fileURLToPath(new URL("../../testing/serve.ts", import.meta.url));
  const conditions = process.execArgv.filter((arg) => arg.startsWith("--conditions"));
  const args = [...conditions, script, dir, (await sharedAgent()).path, readyFile];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(child, "exit");
  await once(createInterface({ input: child.stdout }), "line");
  return {
    ...(JSON.parse(await readFile(readyFile, "utf8")) as { apiEndpoint: string; token: string }),
    async kill() {
      child.kill("SIGKILL");
      await exited;
    },
  };
}

test("a server that is killed during a deployment leaves what was live, and the next start removes the rest", async () => {
  await using fixture = await Fixture.start();
  const { id: sandbox } = await create(fixture, { timeout: "5m" });
  await fixture.request("POST", "/api/v2/apps", { body: { slug: "my-app" } });
  const serving = "Deno.serve({ port: 0 }, () => new Response());";
  const live = await outcomeOf(fixture, await beginDeployment(fixture, sandbox, "my-app", serving));
  assert.equal(live.status, "succeeded");
  await fixture.server.close({ leaveRunning: true });

  const former = await serve(fixture);
  const call = async <Answer>(path: string, body?: object): Promise<Answer> => {
    const headers = { authorization: `Bearer ${former.token}`, "content-type": "application/json" };
    const init = body ? { method: "POST", body: JSON.stringify(body) } : {};
    return (await (await fetch(former.apiEndpoint + path, { ...init, headers })).json()) as Answer;
  };
  const program = fileURLToPath(new URL("../testing/waiting.js", import.meta.url));
  const deploy = { app: "my-app", path: dirname(program), entrypoint: basename(program) };
  const { revision_id: id } = await call<{ revision_id: string }>(`/api/v2/sandboxes/${sandbox}/deploy`, deploy);
  const headers = { authorization: `Bearer ${former.token}` };
  const log = await fetch(`${former.apiEndpoint}/api/v2/revisions/${id}/build_logs`, { headers });
  let text = "";
  for await (const piece of log.body!.pipeThrough(new TextDecoderStream())) {
    text += piece;
    if (text.includes("waiting forever")) break;
  }
  await former.kill();

  await fixture.start();
  const failed = await fixture.get<Revision>(`/api/v2/revisions/${id}`);
  assert.deepEqual([failed.status, failed.failure_reason], ["failed", "error"]);
  const lines = (await (await fixture.request("GET", `/api/v2/revisions/${id}/build_logs`)).text())
    .trim()
    .split("\n\n");
  assert.match((JSON.parse(lines.at(-1)!.slice("data: ".length)) as BuildLog).message, /restarted/);
  const production = await fixture.get<Production>("/api/v1/apps/my-app/production");
  assert.equal(production.revision, live.id);
  await until(() => fixture.host.storage.ids.length === 1);
  assert.deepEqual(await readdir(join(fixture.dir, "machines")), [sandbox]);
});
