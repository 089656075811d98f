import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { type BlockNode, chainNodes, emptyDisk, layerNode, layerOf, qcow2Node } from "./block-nodes.ts";

const dir = mkdtempSync(join(tmpdir(), "sk-nodes-"));
after(() => rmSync(dir, { recursive: true, force: true }));

const CLUSTER = "64k";

function layer(name: string, ...options: string[]): string {
  const path = join(dir, name);
  execFileSync("qemu-img", ["create", "-q", "-u", "-f", "qcow2", ...options, path, "1M"]);
  return path;
}

/** Each node within the one on top of it. */
const nested = (nodes: BlockNode[]) =>
  nodes.reduce<object | null>((below, { "node-name": _, ...node }) => ({ ...node, backing: below }), null);

/** Runs commands of qemu-io on the top of a chain, and gives what they say. */
function io(nodes: BlockNode[], ...commands: string[]): string {
  return execFileSync(
    "qemu-io",
    [...commands.flatMap((command) => ["-c", command]), `json:${JSON.stringify(nested(nodes))}`],
    {
      encoding: "utf8",
      stdio: "pipe",
    },
  );
}

const rewritten = (node: BlockNode) =>
  qcow2Node("top", (node.file as { filename: string }).filename, null, { durable: true });

test("reads fall through the layers, and only the top one is written", () => {
  const [bottom, middle, top] = [layer("bottom"), layer("middle"), layer("top")];
  io(chainNodes("root", [bottom]), `write -P 1 0 ${CLUSTER}`, `write -P 1 ${CLUSTER} ${CLUSTER}`);
  io(chainNodes("root", [bottom, middle]), `write -P 2 ${CLUSTER} ${CLUSTER}`);
  const nodes = chainNodes("root", [bottom, middle, top]);
  assert.deepEqual(
    nodes.map((node) => [node["node-name"], node.backing, node["read-only"] ?? false]),
    [
      ["root-0", null, true],
      ["root-1", "root-0", true],
      ["root-2", "root-1", false],
    ],
  );
  assert.doesNotMatch(io(nodes, `read -P 1 0 ${CLUSTER}`, `read -P 2 ${CLUSTER} ${CLUSTER}`), /failed/);
});

test("a file that a layer's header names is not opened", () => {
  const [forged, top] = [layer("forged", "-F", "raw", "-b", join(dir, "nowhere")), layer("above")];
  assert.throws(() => execFileSync("qemu-io", ["-c", "read 0 1k", forged], { stdio: "pipe" }));
  for (const nodes of [chainNodes("root", [forged, top]), chainNodes("root", [forged])])
    assert.doesNotMatch(io(nodes, `read -P 0 0 ${CLUSTER}`), /failed/);
  assert.doesNotMatch(io([rewritten(chainNodes("root", [forged])[0]!)], `read -P 0 0 ${CLUSTER}`), /failed/);
});

test("a layer below the top can be read although another process locks it against that", () => {
  const [bottom, top] = [layer("locked"), layer("on-locked")];
  // As QEMU does it: a lock on the byte that stands for "nobody else may read this consistently" (offset 200).
  const lock = `
    open $f, "<", shift or die "$!"; $lock = pack("ssx4qqi", 0, 0, 200, 1, 0);
    fcntl($f, 37, $lock) or die "$!"; system(@ARGV) == 0 or exit 1`;
  const read = (nodes: BlockNode[]) => [
    "qemu-io",
    "-c",
    `read -P 0 0 ${CLUSTER}`,
    `json:${JSON.stringify(nested(nodes))}`,
  ];
  const nodes = chainNodes("root", [bottom, top]);
  const locked = (command: string[]) => execFileSync("perl", ["-e", lock, bottom, ...command], { stdio: "pipe" });
  assert.throws(() => locked(read(chainNodes("root", [bottom]))), /lock/);
  locked(read(nodes));
});

test("what a guest flushes is flushed, if it is to survive", () => {
  for (const durable of [true, false])
    assert.deepEqual(qcow2Node("top", "/top", null, { durable }).cache, { direct: false, "no-flush": !durable });
});

test("a node's name says which layer of which disk it is", () => {
  assert.equal(layerOf("root", layerNode("root", 12)), 12);
  for (const node of ["vol1-0", "root-empty", "root-", "root-1x", "root-1234", "root", ""])
    assert.equal(layerOf("root", node), undefined);
});

test("a device without a disk reads zeros", () => {
  assert.match(io([emptyDisk("root-empty")], "length"), /1 MiB/);
});
