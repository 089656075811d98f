/** Class 15: resources that can be exhausted, a proxy that is killed, clones that must differ. */
import assert from "node:assert/strict";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { after, before, describe, test } from "node:test";
import { UNACKNOWLEDGED_EVENTS } from "@sandkeep/egress";
import { isAlive, residentMiB } from "../harness/machines.ts";
import { until } from "../harness/poll.ts";
import { Arena } from "./fixture/arena.ts";
import type { Attacker } from "./fixture/attacker.ts";
import { WARM_POOL } from "./fixture/installation.ts";
import { Stepper } from "./fixture/stepper.ts";

const API = "api.test.example";
const SINK = "sink.test.example";
const EVIL = "evil.test.example";
/** How much one sandbox may cost the proxy beyond its idle memory (the project's own limit). */
const GROWTH_MIB = 200;
/** Time in which another sandbox's request must be answered meanwhile, on a busy computer. */
const PATIENCE_MS = 10_000;
const TIMEOUT_MS = 110_000;
const NONE = { timeout: TIMEOUT_MS };

let arena: Arena;
let attacker: Attacker;
/** Another sandbox, which must not be affected. */
let bystander: Attacker;
let stepper: Stepper;
let idleMiB: number;
before(async () => {
  arena = await Arena.open({
    config: WARM_POOL,
    // Attacker and bystander share it.
    egress: { processes: 1 },
    upstreams: {
      [API]: {
        alpn: ["http/1.1"],
        handler: (request, response) => {
          if (request.url === "/ignored") return void request.pause();
          if (request.url !== "/endless") return void response.end("ok\n");
          const more = () => {
            while (!response.destroyed && response.write(Buffer.alloc(65_536, "x")));
          };
          response.on("drain", more);
          more();
        },
      },
      [SINK]: { raw: (stream) => void stream.on("error", () => {}).resume() },
      [EVIL]: {},
    },
  });
  const options = { allowNet: [API, SINK], secrets: { API_KEY: { hosts: [API], value: arena.value } } };
  [attacker, bystander] = [await arena.attacker(options), await arena.attacker(options)];
  await attacker.upload("exhaustion.py");
  stepper = await Stepper.start(bystander, API);
  await stepper.step("before", "none");
  idleMiB = residentMiB(arena.proxyPid);
}, NONE);
after(async () => {
  await stepper?.[Symbol.asyncDispose]();
  await arena?.[Symbol.asyncDispose]();
});

/** Starts an attempt, waits for its report, runs checks while it continues, and ends it. */
async function exhaust(
  attempt: string,
  meanwhile: (report: Record<string, unknown>) => Promise<void> | void,
): Promise<void> {
  const child = await attacker.sandbox.spawn("sudo", {
    args: ["-E", "python3", "/home/app/exhaustion.py", attempt],
    stdin: "piped",
    stdout: "piped",
  });
  const lines = createInterface(Readable.fromWeb(child.stdout as never))[Symbol.asyncIterator]();
  const { value } = await lines.next();
  try {
    assert.ok(value, `${attempt} reported nothing`);
    await bystanderIsServed(attempt);
    await meanwhile(JSON.parse(value) as Record<string, unknown>);
    assert.ok(
      residentMiB(arena.proxyPid) - idleMiB < GROWTH_MIB,
      `the proxy grew by ${residentMiB(arena.proxyPid) - idleMiB} MiB`,
    );
  } finally {
    await attacker.root("pkill -9 -f exhaustion.py");
    await child.status;
  }
}

async function bystanderIsServed(step: string): Promise<void> {
  const began = performance.now();
  const { status } = await stepper.step(step, "none", "new");
  assert.equal(status, 200);
  assert.ok(performance.now() - began < PATIENCE_MS, `${performance.now() - began} ms`);
}

describe("one sandbox's excess is bounded, and another is served meanwhile:", () => {
  test("2,000 connections", NONE, () =>
    exhaust("connections", ({ held }) => {
      assert.ok(Number(held) >= 2_000, String(held));
      assert.ok(arena.upstream(SINK).connections.length >= 2_000);
    }),
  );
  test("slow headers", NONE, () => exhaust("slow_headers", () => {}));
  test("endless answers that nobody reads", NONE, () => exhaust("unread_answers", () => {}));
  test("endless bodies to an upstream that does not read", NONE, () => exhaust("endless_bodies", () => {}));
  test("endless headers", NONE, () =>
    exhaust("endless_headers", ({ sent }) => assert.ok(Number(sent) < 20_000_000, `${sent} bytes were taken`)),
  );
  test("a flood of what must be logged", NONE, () =>
    exhaust("denied_flood", async ({ statuses }) => {
      const { 403: denied = 0 } = statuses as Record<string, number>;
      assert.ok(denied > UNACKNOWLEDGED_EVENTS, JSON.stringify(statuses));
      await until(
        "all of it is on record",
        async () =>
          (await arena.events(attacker.id, "http")).filter(({ data }) => String(data.path).startsWith("/flood/"))
            .length >= denied,
      );
    }),
  );
  test("a flood of names", NONE, () => exhaust("many_names", () => {}));
  test("a fork bomb that connects", NONE, () => exhaust("fork_bomb", () => {}));
  test("a clock that jumps", NONE, () => exhaust("clock", ({ statuses }) => assert.deepEqual(statuses, [200, 200])));
});

test(
  "when the proxy is killed there is no egress, then there is again, and nothing gets by meanwhile",
  NONE,
  async () => {
    const key = (await bystander.sandbox.sh`printenv API_KEY`.text()).trim();
    await stepper.step("with_secret", key, "new");
    const former = arena.proxyPid;
    const seen = arena.upstream(API).connections.length;
    process.kill(former, "SIGKILL");
    await until("it is gone", () => !isAlive(former));
    // On the connection that was open: its other end is gone.
    const { status } = await stepper.step("orphaned", key);
    assert.notEqual(status, 200);
    await until("there is egress again", async () => (await stepper.step("again", key, "new")).status === 200);
    assert.notEqual(arena.proxyPid, former);
    const { stdout } = await bystander.root(`curl -s -o /dev/null -w '%{http_code}' -m 10 https://${EVIL}/`);
    assert.equal(stdout, "403");
    // What arrived meanwhile came through a proxy: with the value, over TLS. Nothing contains the placeholder.
    for (const { text, tls } of arena.upstream(API).connections.slice(seen))
      assert.ok(text === "" || (tls !== null && !text.includes(key)), text);
    assert.deepEqual(arena.upstream(EVIL).connections, []);
  },
);

test("clones differ in everything that must not be shared", NONE, async () => {
  const identity = ({ sandbox }: Attacker) =>
    sandbox.sh`cat /etc/machine-id; hostname; cat /proc/sys/kernel/random/boot_id; head -c 32 /dev/urandom | base64; python3 -c 'import os, ssl; print(os.urandom(16).hex()); print(ssl.RAND_bytes(16).hex())'; node -p 'crypto.randomUUID()'; cat /etc/ssh/ssh_host_*_key.pub 2>/dev/null | cut -d' ' -f2`.text();
  const [one, other] = (await Promise.all([identity(attacker), identity(bystander)])).map((text) =>
    text.trim().split("\n"),
  );
  assert.ok(one!.length >= 7 && one!.length === other!.length, JSON.stringify([one, other]));
  for (const [index, value] of one!.entries()) assert.notEqual(value, other![index], value);
});

test("the server and all its parts live", () => {
  assert.ok(isAlive(arena.server.pid) && isAlive(arena.proxyPid));
  assert.ok(
    !/unexpected|FATAL|panic/.test(arena.server.log),
    arena.server.log.match(/.*(unexpected|FATAL|panic).*/)?.[0],
  );
});
