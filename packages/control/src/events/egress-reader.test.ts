import assert from "node:assert/strict";
import { once } from "node:events";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { type EgressBatch, EgressEvents, type Host } from "@sandkeep/host";
import { createLogger } from "../log/logger.ts";
import { http } from "../testing/egress-events.ts";
import { EgressReader } from "./egress-reader.ts";

const log = createLogger("silent");

/**
 * A host across an unreliable network: batches and acknowledgements cross as JSON, and get lost when a test says so.
 */
class FarHost {
  readonly id = "host_far";
  readonly events = new EgressEvents();
  /** Called for each batch that arrives; throws to break the connection before, or after the reader has it. */
  onBatch: (batch: EgressBatch) => void = () => {};
  loseAcknowledgements = 0;
  connections = 0;

  async *egressEvents(owner: string, signal?: AbortSignal): AsyncGenerator<EgressBatch> {
    this.connections++;
    for await (const batch of this.events.of(owner).read(signal)) {
      this.onBatch(batch);
      yield JSON.parse(JSON.stringify(batch)) as EgressBatch;
    }
  }

  async acknowledgeEgress(owner: string, machine: string, sequence: number): Promise<void> {
    if (this.loseAcknowledgements-- > 0) throw new Error("the network is gone");
    this.events.of(owner).acknowledge(machine, sequence);
  }
}

test("nothing is lost and nothing comes twice, though the connection breaks and acknowledgements get lost", async () => {
  const far = new FarHost();
  const taken: string[] = [];
  const machines = ["a", "b"];
  for (const machine of machines) far.events.enter(machine, "cp_1");
  let count = 0;
  far.onBatch = () => {
    if (++count % 2 === 0) throw new Error("the network is gone");
  };
  far.loseAcknowledgements = 3;
  await using _ = new EgressReader(
    far as unknown as Host,
    "cp_1",
    async (sandbox, event) => void taken.push(`${sandbox} ${event.kind === "http" ? event.path : ""}`),
    log,
  );
  const acknowledged: Promise<void>[] = [];
  for (let n = 0; n < 6; n++) {
    for (const machine of machines) acknowledged.push(far.events.push(machine, { ...http, path: `/${n}` }));
    await new Promise(setImmediate);
  }
  await Promise.all(acknowledged);
  assert.ok(far.connections > 1, `${far.connections} connections`);
  for (const machine of machines) {
    assert.deepEqual(
      taken.filter((one) => one.startsWith(machine)),
      [0, 1, 2, 3, 4, 5].map((n) => `${machine} /${n}`),
    );
  }
});

test("an event that was acknowledged when it was already on its way again does not come twice", async () => {
  const acknowledged = Promise.withResolvers<void>();
  const again = Promise.withResolvers<void>();
  const record = (machine: string, sequence: number) => ({
    machine,
    sequence,
    event: { ...http, path: `/${sequence}` },
  });
  let connections = 0;
  const host = {
    id: "host_far",
    async *egressEvents(_owner: string, signal: AbortSignal): AsyncGenerator<EgressBatch> {
      yield { stream: "s", records: [record("a", 1), record("b", 2)] };
      await acknowledged.promise;
      if (++connections === 1) throw new Error("the network is gone");
      yield { stream: "s", records: [record("b", 3), record("a", 4)] };
      if (!signal.aborted) await once(signal, "abort");
    },
    async acknowledgeEgress(_owner: string, machine: string, sequence: number): Promise<void> {
      if (machine === "b" && sequence === 2) acknowledged.resolve();
      if (machine === "a" && sequence === 4) again.resolve();
    },
  };
  const taken: string[] = [];
  await using _ = new EgressReader(
    host as unknown as Host,
    "cp_1",
    async (machine, event) => void taken.push(`${machine} ${event.kind === "http" ? event.path : ""}`),
    log,
  );
  await again.promise;
  assert.deepEqual(taken, ["a /1", "b /2", "b /3", "a /4"]);
});

test("an event is acknowledged when it is safe, and not before one that came earlier", async () => {
  const far = new FarHost();
  far.events.enter("a", "cp_1");
  const store = new PassThrough({ objectMode: true });
  const safe: (() => void)[] = [];
  await using _ = new EgressReader(
    far as unknown as Host,
    "cp_1",
    () => new Promise((resolve) => store.write(safe.push(resolve))),
    log,
  );
  const done: number[] = [];
  const pushed = [1, 2].map((n) => far.events.push("a", http).then(() => done.push(n)));
  while (safe.length < 2) await once(store, "data");
  safe[1]!();
  await new Promise(setImmediate);
  assert.deepEqual(done, []);
  safe[0]!();
  await Promise.all(pushed);
  assert.deepEqual(done, [1, 2]);
});

test("an event that cannot be passed on is lost, and keeps neither the machine nor the server from going on", async () => {
  const far = new FarHost();
  far.events.enter("a", "cp_1");
  let count = 0;
  const take = async () => {
    if (++count === 1) throw new Error("no such kind of event");
  };
  await using _ = new EgressReader(far as unknown as Host, "cp_1", take, log);
  await Promise.all([far.events.push("a", http), far.events.push("a", http)]);
  assert.equal(count, 2);
});

test("each owner reads its own machines' events", async () => {
  const far = new FarHost();
  const taken: Record<string, string[]> = { cp_1: [], cp_2: [] };
  far.events.enter("a", "cp_1");
  far.events.enter("b", "cp_2");
  const readers = ["cp_1", "cp_2"].map(
    (owner) => new EgressReader(far as unknown as Host, owner, async (id) => void taken[owner]!.push(id), log),
  );
  await Promise.all([far.events.push("a", http), far.events.push("b", http), far.events.push("nobody", http)]);
  assert.deepEqual(taken, { cp_1: ["a"], cp_2: ["b"] });
  await Promise.all(readers.map((reader) => reader[Symbol.asyncDispose]()));
});
