/** Volumes and snapshots from the command line, and the sandboxes that use them. */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Installation } from "./installation.ts";

let installation: Installation;
const output = async (line: string, ...words: string[]) =>
  (await installation.output([...line.split(" "), ...words])).trim();
const json = <Answer>(line: string) => installation.json<Answer>(line.split(" "));
before(async () => {
  installation = await Installation.create();
});
after(() => installation[Symbol.asyncDispose]());

test("what one sandbox writes to a volume, the next one reads", async () => {
  const id = await output("volumes create data --capacity 300MB");
  assert.match(id, /^vol_[a-z]{3}_[0-9a-z]{20}$/);
  await output("run --volume /data=data -- sh -c", "echo kept > /data/note && mkdir '/data/a b'");
  assert.equal(await output("run --volume", "/mnt/with space=data:ro", "--", "cat", "/mnt/with space/note"), "kept");
  const refused = await installation.call(["run", "--volume", "/data=data:ro", "--", "touch", "/data/x"]);
  assert.notEqual(refused.code, 0);
  assert.match(refused.stderr, /[Rr]ead-only/);
  assert.equal(await output(`run --volume /data=${id} -- ls /data`), "a b\nlost+found\nnote");
});

test("a volume has one sandbox at a time, attached to it while it runs", async () => {
  const sandbox = await output("create --timeout 5m");
  await output(`volumes attach data ${sandbox} /data`);
  assert.equal(await output(`exec ${sandbox} -- cat /data/note`), "kept");
  const refused = await installation.call(["run", "--volume", "/data=data", "--", "true"]);
  assert.equal(refused.code, 125);
  assert.match(refused.stderr, new RegExp(`in use by the sandbox ${sandbox}`));
  assert.match(await output("volumes list"), new RegExp(`data +286 MiB.*${sandbox} at /data`));
  assert.match(await output("volumes show data"), new RegExp(`in use +${sandbox} at /data`));
  await output("volumes grow data 400MB");
  assert.ok(
    Number(await output(`exec ${sandbox} -- df --output=size -B1 /data`).then((text) => text.split("\n")[1])) > 330e6,
  );
  await output("volumes detach data");
  assert.equal((await installation.call(["exec", sandbox, "--", "cat", "/data/note"])).code, 1);
  await output(`kill ${sandbox}`);
});

test("a sandbox runs on a snapshot of another one's disk", async () => {
  const sandbox = await output("create --timeout 5m");
  await output(`exec ${sandbox} -- sh -c`, "echo here > note");
  await output(`snapshots create ${sandbox} as-it-is`);
  await output(`kill ${sandbox}`);
  assert.equal(await output("run --root as-it-is -- cat note"), "here");
  await output("snapshots delete as-it-is --now");
});

test("a volume is exported and imported; a file that was changed leaves nothing", async () => {
  const file = join(installation.dir, "data.disk.zst");
  await output("volumes export data", file);
  assert.deepEqual(await json("snapshots list"), []);
  const id = await output("volumes import", file, "imported");
  assert.equal(await output(`run --volume /data=${id}:ro -- cat /data/note`), "kept");
  const content = await readFile(file);
  // Of such a file's bits, 1 in 360 makes no difference to what is decompressed.
  for (let at = content.length >> 1, end = at + 64; at < end; at++) content[at]! ^= 0xff;
  await writeFile(file, content);
  const refused = await installation.call(["volumes", "import", file, "changed"]);
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /INVALID_DISK_FILE/);
  assert.deepEqual(await json<{ slug: string }[]>("volumes list").then((all) => all.map(({ slug }) => slug).sort()), [
    "data",
    "imported",
  ]);
  await output("volumes delete imported --now");
});

test("snapshots are taken, listed and deleted; what is deleted can be restored or removed", async () => {
  const snapshot = await output("volumes snapshot data data-1");
  assert.match(await output("snapshots list"), new RegExp(`${snapshot} +data-1 .*data`));
  assert.match(await output("snapshots show data-1"), /taken +\S+ \S+ from data/);
  await output("volumes create copy --capacity 400MB --from data-1");
  assert.equal(await output("run --volume /copy=copy -- cat /copy/note"), "kept");
  const kept = await installation.call(["snapshots", "delete", "data-1"]);
  assert.equal(kept.code, 5);
  assert.match(kept.stderr, /needed by the volume copy/);
  await output("volumes delete data copy");
  await output("snapshots delete data-1 --now");
  assert.deepEqual(await json("volumes list"), []);
  assert.equal((await json<unknown[]>("volumes list --deleted")).length, 2);
  await output("volumes restore data --slug again");
  assert.equal(await output("run --volume /data=again -- cat /data/note"), "kept");
  const missing = await installation.call(["volumes", "delete", "again", "nothing", "--now"]);
  assert.equal(missing.code, 3);
  assert.equal(missing.stdout, "again\n");
  assert.equal((await installation.call(["volumes", "show", "again"])).code, 3);
});
