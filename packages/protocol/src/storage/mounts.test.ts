import assert from "node:assert/strict";
import { test } from "node:test";
import { describeIssues } from "../validation.ts";
import { mountsSchema } from "./mounts.ts";

const issue = (value: unknown) => {
  const parsed = mountsSchema.safeParse(value);
  assert.ok(!parsed.success, JSON.stringify(value));
  return describeIssues(parsed.error);
};

test("both dialects name the same volumes, and parents come first", () => {
  const expected = [
    { volume: "a", path: "/data", readOnly: false },
    { volume: "b", path: "/data/with space/c", readOnly: true },
  ];
  assert.deepEqual(
    mountsSchema.parse([
      { volume: "b", path: "/data/with space/c/", read_only: true },
      { volume: "a", path: "//data" },
    ]),
    expected,
  );
  assert.deepEqual(
    mountsSchema.parse({ "/data/with space//c": { volume: "b", read_only: true }, "/data": "a" }),
    expected,
  );
  assert.deepEqual(mountsSchema.parse([]), []);
});

test("says why a volume cannot be mounted somewhere", () => {
  assert.match(issue([{ volume: "v", path: "data" }]), /^0\.path: a mount path is absolute/);
  assert.match(issue({ "": "v" }), /absolute/);
  assert.match(issue({ "/": "v" }), /use it as the root/);
  assert.match(issue({ "//": "v" }), /use it as the root/);
  assert.match(issue({ "/proc": "v" }), /\/proc, \/sys, \/dev/);
  assert.match(issue({ "/dev//shm": "v" }), /\/proc, \/sys, \/dev/);
  assert.match(issue({ "/run/user": "v" }), /\/dev, \/run/);
  assert.match(issue({ "/a/../proc": "v" }), /must not contain \. or \.\./);
  assert.match(issue({ "/a\0b": "v" }), /NUL/);
  assert.match(issue({ [`/${"a".repeat(255)}`]: "v" }), /Too big/);
  assert.match(issue({ [`/${"ä".repeat(128)}`]: "v", "/b": "w" }), /at most 255 bytes/);
  assert.match(issue([{ volume: "v" }]), /^0\.path/);
  assert.match(issue([{ volume: "", path: "/a" }]), /^0\.volume/);
  assert.match(issue({ "/a": "v", "/a/": "w" }), /same path/);
  assert.match(issue(Array.from({ length: 9 }, (_, i) => ({ volume: "v", path: `/${i}` }))), /at most 8 volumes/);
});
