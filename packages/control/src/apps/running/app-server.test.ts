/** What visitors and deployments get when a machine, its agent or the computer fails. Machines are processes here. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { NoCapacity } from "@sandkeep/host";
import type { SandboxEvent } from "@sandkeep/protocol";
import { codeOf, visit as visitDoor } from "../../doors/testing/visit.ts";
import { create, type TestClient } from "../../testing/client.ts";
import { Fixture } from "../../testing/fixture.ts";
import { addDenoToPath, beginDeployment, outcomeOf, until } from "../testing/deploy.ts";

addDenoToPath();

const SERVING = `Deno.serve({ port: 0, onListen() {} }, () => new Response("first"));`;

describe("an app's server", { timeout: 120_000 }, async () => {
  let fixture: Fixture;
  let sandbox: TestClient;
  /** What happens to machines from now on. */
  let full = false;
  let stops = false;
  before(async () => {
    const gate = async () => {
      if (full) throw new NoCapacity("All 3 places of /srv/machines are taken.");
    };
    fixture = await Fixture.start({ apps: { startTimeoutMs: 20_000 } }, { gate });
    const { host } = fixture;
    const made = host.create.bind(host);
    host.create = async (spec, signal) => {
      const machine = await made(spec, signal);
      if (stops) process.kill(host.machines.get(spec.id)!.pid, "SIGSTOP");
      return machine;
    };
    sandbox = await create(fixture);
  });
  after(async () => {
    sandbox.socket.close();
    await fixture[Symbol.asyncDispose]();
  });

  const send = async (method: string, path: string, body?: unknown) => {
    const response = await fixture.request(method, path, { body });
    assert.ok(response.ok, `${method} ${path}: ${await response.text()}`);
  };
  const visit = (name: string) => visitDoor(fixture, `${name}.localhost:${fixture.server.port}`);
  const begin = (app: string, source: string) => beginDeployment(fixture, sandbox.id, app, source);
  const deploy = async (app: string, source: string) => {
    await send("POST", "/api/v2/apps", { slug: app });
    return await outcomeOf(fixture, await begin(app, source));
  };
  const eventsOf = (kind: string) => fixture.get<SandboxEvent[]>(`/api/v1/events?kind=${kind}`);
  const instances = () => [...fixture.host.machines.values()].filter(({ id }) => id !== sandbox.id);
  /** Ends what runs, as if nobody had used it. */
  const idle = async () => {
    for (const { id } of instances()) await send("DELETE", `/api/v3/sandboxes/${id}`);
    await until(() => instances().length === 0);
  };

  test("keeps the address, whatever else it starts", async () => {
    const two = `${SERVING} Deno.serve({ port: 0, onListen() {} }, () => new Response("second"));`;
    assert.equal((await deploy("two", `${two} console.log("both")`)).status, "succeeded");
    await until(async () => (await logsOf("two")).includes("both"));
    assert.equal((await visit("two")).body, "first");
    await send("DELETE", "/api/v2/apps/two");
  });

  test("is no failure of the app if there is no room, and is back as soon as there is", async () => {
    assert.equal((await deploy("mine", SERVING)).status, "succeeded");
    await idle();
    full = true;
    const refused = async () => (await eventsOf("instance.started")).filter(({ outcome }) => outcome === "failed");
    for (const times of [1, 2, 3])
      await until(async () => {
        const got = await visit("mine");
        assert.deepEqual(codeOf(got), [503, "NO_CAPACITY"]);
        assert.doesNotMatch(got.body, /srv/);
        return (await refused()).length >= times;
      });
    full = false;
    await until(async () => {
      const { status } = await visit("mine");
      assert.ok([200, 503].includes(status), String(status));
      return status === 200;
    });
    assert.deepEqual(await logsOf("mine", "error"), []);
  });

  test("does not tell visitors what is wrong with it", async () => {
    const marker = join(fixture.dir, "broken");
    const broken = `try { Deno.statSync(${JSON.stringify(marker)}); Deno.exit(7); } catch {}`;
    assert.equal((await deploy("breaks", `${broken} ${SERVING}`)).status, "succeeded");
    await idle();
    await writeFile(marker, "");
    const got = await visit("breaks");
    assert.deepEqual(codeOf(got), [502, "APP_NOT_RUNNING"]);
    assert.doesNotMatch(got.body, /code 7/);
    await until(async () => (await logsOf("breaks", "error")).some((message) => /exited with code 7/.test(message)));
    await idle();
  });

  test("whose machine dies is reported with what happened to the machine", async () => {
    assert.equal((await visit("mine")).status, 200);
    const { id, pid } = instances()[0]!;
    process.kill(pid, "SIGKILL");
    await until(async () => (await eventsOf("instance.crashed")).some(({ sandbox }) => sandbox === id));
    const stopped = (await eventsOf("sandbox.stopped")).find((event) => event.sandbox === id);
    assert.ok(stopped?.kind === "sandbox.stopped" && stopped.data.why === "crashed");
    await until(async () => (await visit("mine")).status === 200);
    await idle();
  });

  test("that a guest does not start holds neither its machine, nor a deployment, nor the app", async () => {
    await send("POST", "/api/v2/apps", { slug: "held" });
    stops = true;
    const made = () => until(() => instances().length === 1);
    const cancelled = await begin("held", SERVING);
    await made();
    await send("POST", `/api/v2/revisions/${cancelled}/cancel`, {});
    const { failure_reason } = await outcomeOf(fixture, cancelled);
    assert.equal(failure_reason, "cancelled");
    assert.deepEqual(instances(), []);

    await begin("held", SERVING);
    await made();
    await send("DELETE", "/api/v2/apps/held");
    assert.deepEqual(instances(), []);
  });

  test("has a limited time to start, and needs a port", async () => {
    sandbox.socket.close();
    stops = false;
    await fixture.server.close();
    await fixture.start({ apps: { startTimeoutMs: 5_000 } });
    sandbox = await create(fixture);
    const path = join(fixture.dir, "http.sock");
    const revision = await deploy("socket", `Deno.serve({ path: ${JSON.stringify(path)} }, () => new Response());`);
    assert.equal(revision.status, "failed");
    const said = await (await fixture.request("GET", `/api/v2/revisions/${revision.id}/build_logs`)).text();
    assert.match(said, /did not listen on a port within 5 s/);
    assert.deepEqual(instances(), []);
  });

  async function logsOf(app: string, level?: string): Promise<string[]> {
    const query = `start=2020-01-01T00:00:00Z${level ? `&level=${level}` : ""}`;
    const { logs } = await fixture.get<{ logs: { message: string }[] }>(`/api/v2/apps/${app}/logs?${query}`);
    return logs.map(({ message }) => message);
  }
});
