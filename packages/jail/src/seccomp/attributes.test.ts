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
    // The attributes of ioctl: flags, flags of another kind, and the version, in ext4's way too.
    ...[0x40086602, 0x401c5820, 0x40087602, 0x40086604].map((command) => `$x = "\\0" x 64; ioctl($f, ${command}, $x)`),
    // io_uring, which does all of this without further calls.
    `$x = "\\0" x 120; syscall(425, 1, $x) >= 0`,
  ];
  const allowed = ["syswrite($f, 'after')", `$x = "\\0" x 4; ioctl($f, 0x541b, $x)`];
  const { stdout, stderr } = spawnSync(
    "perl",
    ["-e", script, "--", filter.toString("hex"), file, ...attempts, ...allowed],
    { encoding: "utf8" },
  );
  assert.equal(stdout.trim(), [...attempts.map(() => "1"), ...allowed.map(() => "did")].join(" "), stderr);
  const left = statSync(file);
  assert.deepEqual([left.mode, left.uid, left.gid], [before.mode, before.uid, before.gid]);
});
