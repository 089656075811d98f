/** Several proxy processes. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { after, before, describe, test } from "node:test";
import type { EgressSpec } from "../contract.ts";
import { FakeGuest } from "../testing/guest.ts";
import type { EgressProxies } from "./proxies.ts";
import { type Echo, echo } from "./testing/echo.ts";
import { openProxies } from "./testing/open-proxies.ts";
import { untilGone } from "./testing/until-gone.ts";

const NAME = "echo.example";
const SPEC: EgressSpec = { policy: { allow: [NAME], deny: [], rules: [] }, secrets: [] };

describe("the proxies of a host", () => {
  let dir: string;
  let upstream: Echo;
  let proxies: EgressProxies;
  const guests = new Map<string, FakeGuest>();

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "sk-proxies-"));
    upstream = await echo();
    proxies = openProxies(dir, { hosts: { [NAME]: `127.0.0.1:${upstream.port}` }, processes: 2 });
    for (const id of ["a", "b", "c", "d"]) {
      guests.set(id, await FakeGuest.listen(join(dir, id)));
      await proxies.attach(id, guests.get(id)!.socket, SPEC);
    }
  });

  after(async () => {
    await proxies?.[Symbol.asyncDispose]();
    for (const guest of guests.values()) await guest[Symbol.asyncDispose]();
    await upstream?.[Symbol.asyncDispose]();
    await rm(dir, { recursive: true });
  });

  const open = async (id: string): Promise<Duplex> => {
    const stream = await guests.get(id)!.connectTo(NAME, 5432);
    stream.on("error", () => {});
    return stream;
  };
  const say = async (stream: Duplex, text: string): Promise<string> => {
    stream.write(text);
    return String((await once(stream, "data"))[0]);
  };

  test("share the sandboxes evenly, as different processes", async () => {
    assert.equal(new Set(proxies.pids).size, 2);
    const of = (id: string) => proxies.pidOf(id)!;
    assert.notEqual(of("a"), of("b"));
    assert.deepEqual([of("c"), of("d")], [of("a"), of("b")]);
    proxies.detach("c");
    proxies.detach("a");
    const attached = ["a", "c"].map((id) => proxies.attach(id, guests.get(id)!.socket, SPEC));
    assert.notEqual(of("a"), of("b"));
    assert.notEqual(of("c"), of("b"));
    await Promise.all(attached);
  });

  test("reach the ports of their own sandboxes only", async () => {
    const links = await Promise.all(["0", "1"].map((name) => readdir(join(dir, "ports", name))));
    assert.deepEqual(
      links.map(({ length }) => length),
      [2, 2],
    );
    proxies.detach("d");
    assert.equal((await readdir(join(dir, "ports", "1"))).length, 1);
    await assert.rejects(proxies.attach("d", join(dir, "egress", "ca.pem"), SPEC), /is not a socket/);
    await proxies.attach("d", guests.get("d")!.socket, SPEC);
  });

  test("do not depend on each other: one that is killed takes its own sandboxes' connections with it, and no others", async () => {
    const [lost, kept] = [await open("a"), await open("b")];
    assert.deepEqual([await say(lost, "a"), await say(kept, "b")], ["a", "b"]);
    const [former, other] = [proxies.pidOf("a")!, proxies.pidOf("b")!];
    const gone = once(lost, "close");
    process.kill(former, "SIGKILL");
    await gone;
    assert.equal(await say(kept, "still here"), "still here");
    // Its sandboxes come back, with the policy they had.
    for (const id of ["a", "c"]) {
      const again = await open(id);
      assert.equal(await say(again, "back"), "back");
      again.destroy();
    }
    assert.notEqual(proxies.pidOf("a"), former);
    assert.equal(proxies.pidOf("b"), other);
    assert.equal(await say(kept, "and still"), "and still");
    kept.destroy();
  });

  test("are gone when they are closed, with everything in their folder", async () => {
    const pids = proxies.pids;
    await proxies[Symbol.asyncDispose]();
    for (const pid of pids) await untilGone(pid);
    await assert.rejects(readdir(join(dir, "ports")), { code: "ENOENT" });
  });
});
