import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { attributesFilter } from "./attributes.ts";

const dir = mkdtempSync(join(tmpdir(), "sk-attributes-"));
after(() => rmSync(dir, { recursive: true, force: true }));

test("a file's owner can read and write it, and change nothing else about it", (context) => {
  const filter = attributesFilter();
  if (filter === null || process.arch !== "x64") return context.skip("this kernel has no seccomp filters");
  const file = join(dir, "file");
  writeFileSync(file, "before", { mode: 0o644 });
  const before = statSync(file);
  // Loads the filter, and then does what each argument says.
  const script = `
    $filter = pack("H*", shift); $path = shift; $header = pack("Sx6P", length($filter) / 8, $filter);
    syscall(157, 38, 1, 0, 0, 0) == 0 && syscall(157, 22, 2, $header, 0, 0) == 0 or die "$!";
    open $f, "+<", $path or die "$!"; for (@ARGV) { $! = 0; print eval($_) ? "did" : $! + 0, " " }`;
  const attempts = [
    "chmod(0666, $f)",
    "chmod(0666, $path)",
    "chown($<, $(, $f)",
    "chown($<, $(, $path)",
    "utime(1, 1, $f)",
    "utime(1, 1, $path)",
    // Setting and removing an extended attribute.
    "$name = 'user.x'; $value = 'y'; syscall(190, fileno $f, $name, $value, 1, 0) == 0",
    "syscall(199, fileno $f, $name) == 0",
  ];
  const { stdout, stderr } = spawnSync(
    "perl",
    ["-e", script, "--", filter.toString("hex"), file, ...attempts, "syswrite($f, 'after')"],
    { encoding: "utf8" },
  );
  assert.equal(stdout.trim(), [...attempts.map(() => "1"), "did"].join(" "), stderr);
  const left = statSync(file);
  assert.deepEqual([left.mode, left.uid, left.gid], [before.mode, before.uid, before.gid]);
});
