import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { EgressEvent } from "@sandkeep/egress";
import type { EgressBatch } from "../contract.ts";
import { EgressEventStream } from "./event-stream.ts";

const event = (name: string): EgressEvent => ({
  kind: "dns",
  at: 0,
  durationMs: 1,
  verdict: "allowed",
  rule: null,
  reason: null,
  process: null,
  name,
  type: "A",
});
const names = (batch: EgressBatch) =>
  batch.records.map(({ machine, event }) => `${machine} ${event.kind === "dns" ? event.name : "?"}`);
/** The next batch. */
async function next(reader: AsyncGenerator<EgressBatch, void, void>): Promise<EgressBatch> {
  const { value, done } = await reader.next();
  if (done) throw new Error("the reader ended");
  return value;
}

describe("the stream of egress events", () => {
  test("gives what came before and what comes, each machine's in order", async () => {
    const stream = new EgressEventStream();
    void stream.push("a", event("1"));
    void stream.push("b", event("1"));
    const reader = stream.read();
    assert.deepEqual(names(await next(reader)), ["a 1", "b 1"]);
    const coming = next(reader);
    void stream.push("a", event("2"));
    assert.deepEqual(names(await coming), ["a 2"]);
  });

  test("tells whoever pushed when its event, or a later one of the same machine, is acknowledged", async () => {
    const stream = new EgressEventStream();
    const done: string[] = [];
    for (const [machine, name] of [
      ["a", "1"],
      ["a", "2"],
      ["b", "1"],
      ["a", "3"],
    ] as const)
      void stream.push(machine, event(name)).then(() => done.push(`${machine} ${name}`));
    const { records } = await next(stream.read());
    stream.acknowledge("a", records[1]!.sequence);
    await new Promise(setImmediate);
    assert.deepEqual(done, ["a 1", "a 2"]);
    stream.acknowledge("a", records[1]!.sequence);
    stream.acknowledge("unknown", 99);
    stream.acknowledge("b", records[2]!.sequence);
    stream.acknowledge("a", records[3]!.sequence);
    await new Promise(setImmediate);
    assert.deepEqual(done, ["a 1", "a 2", "b 1", "a 3"]);
  });

  test("gives a reader that comes back everything that was not acknowledged, and nothing that was", async () => {
    const stream = new EgressEventStream();
    for (const name of ["1", "2", "3"]) void stream.push("a", event(name));
    const first = stream.read();
    const { records, stream: id } = await next(first);
    await first.return();
    void stream.push("a", event("4"));
    stream.acknowledge("a", records[0]!.sequence);
    const again = await next(stream.read());
    assert.equal(again.stream, id);
    assert.deepEqual(names(again), ["a 2", "a 3", "a 4"]);
    assert.deepEqual(
      again.records.slice(0, 2).map(({ sequence }) => sequence),
      records.slice(1).map(({ sequence }) => sequence),
    );
  });

  test("has one reader: an earlier one ends, and so does one whose signal is aborted", async () => {
    const stream = new EgressEventStream();
    const [first, abort] = [stream.read(), new AbortController()];
    const waiting = first.next();
    const second = stream.read(abort.signal);
    const alsoWaiting = second.next();
    assert.deepEqual(await waiting, { done: true, value: undefined });
    abort.abort();
    assert.deepEqual(await alsoWaiting, { done: true, value: undefined });
    void stream.push("a", event("1"));
    assert.deepEqual(names(await next(stream.read())), ["a 1"]);
  });

  test("gives many in batches that are not large", async () => {
    const stream = new EgressEventStream();
    for (let n = 0; n < 600; n++) void stream.push("a", event(String(n)));
    const reader = stream.read();
    const sizes = [];
    for (let got = 0; got < 600; got += sizes.at(-1)!) sizes.push((await next(reader)).records.length);
    assert.deepEqual(sizes, [256, 256, 88]);
  });

  test("takes many acknowledged events off at once, whatever comes after them", async () => {
    const stream = new EgressEventStream();
    const acknowledged = Array.from({ length: 100_000 }, (_, n) => stream.push("a", event(String(n))));
    void stream.push("a", event("last"));
    const shift = Array.prototype.shift;
    let shifts = 0;
    Array.prototype.shift = function () {
      if (this.length > 1_000) shifts++;
      return shift.call(this);
    };
    try {
      stream.acknowledge("a", 100_000);
    } finally {
      Array.prototype.shift = shift;
    }
    await Promise.all(acknowledged);
    assert.equal(shifts, 0);
    assert.deepEqual(names(await next(stream.read())), ["a last"]);
  });
});
