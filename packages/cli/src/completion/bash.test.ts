import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { addProgram } from "../testing/programs.ts";
import { temporaryDirectory } from "../testing/temporary-directory.ts";
import { root } from "../tree/root.ts";
import { bashCompletion } from "./bash.ts";

const dir = temporaryDirectory();
const script = join(dir, "completion.bash");
writeFileSync(script, bashCompletion(root));
mkdirSync(join(dir, "files"));
writeFileSync(join(dir, "files", "config.json"), "");
const ID = "sbx_ord_1at5nn58e77rtd11e3k3";
addProgram(dir, "sandkeep", `[ "$1" = complete-ids ] && echo ${ID}`);

/** What bash offers after these words; the last one is the one being typed. */
function complete(...words: string[]): string[] {
  const program = `
    source "$1"; shift
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
    _sandkeep
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  const result = spawnSync("bash", ["--norc", "-c", program, "bash", script, "sandkeep", ...words], {
    encoding: "utf8",
    cwd: join(dir, "files"),
    env: { PATH: `${dir}:${process.env.PATH}` },
  });
  assert.equal(result.stderr, "");
  return result.stdout.split("\n").filter((word) => word !== "");
}

test("offers commands, and no hidden ones", () => {
  const words = complete("");
  for (const word of ["run", "list", "token", "image", "completion", "--help", "--version"])
    assert.ok(words.includes(word), word);
  assert.ok(!words.includes("complete-ids"));
  assert.deepEqual(complete("li"), ["list"]);
});

test("offers the commands of a group, also under its other names", () => {
  assert.deepEqual(
    complete("token", "").filter((word) => !word.startsWith("-")),
    ["create", "list", "revoke"],
  );
  assert.ok(complete("image", "ls", "--j").includes("--json"));
});

test("offers a command's options, and files or choices for their values", () => {
  assert.deepEqual(complete("run", "--mem"), ["--memory"]);
  assert.ok(complete("ls", "--").includes("--all"));
  assert.deepEqual(complete("serve", "--log-level", "d"), ["debug"]);
  assert.deepEqual(complete("serve", "--config", ""), ["config.json"]);
  assert.deepEqual(complete("run", "--timeout", ""), []);
});

test("offers the ids of running sandboxes, and files to copy", () => {
  assert.ok(complete("kill", "").includes(ID));
  assert.deepEqual(complete("exec", "sbx"), [ID]);
  assert.ok(complete("cp", "conf").includes("config.json"));
  assert.deepEqual(complete("completion", "z"), ["zsh"]);
});

test("offers nothing after --, where the command in the sandbox begins", () => {
  assert.deepEqual(complete("run", "--", ""), []);
});
