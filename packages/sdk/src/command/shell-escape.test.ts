import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { escapeShellArg, shellCommand } from "./shell-escape.ts";

function sh(strings: TemplateStringsArray, ...substitutions: unknown[]): string {
  return shellCommand(strings, substitutions);
}

test("a real shell sees each substitution as one argument, whatever it contains", () => {
  const nasty = [
    "",
    " ",
    "a b",
    "it's",
    `"$HOME"`,
    "`id`",
    "$(id)",
    "a\nb",
    "\\",
    "*",
    "~",
    "!x",
    "-n",
    "é",
    "a=b",
    "'; rm -rf /; '",
  ];
  for (const text of nasty) {
    const seen = execFileSync("bash", ["-c", `printf '%s' ${escapeShellArg(text)}`], { encoding: "utf8" });
    assert.equal(seen, text);
  }
});

test("leaves plain words readable", () => {
  assert.equal(sh`cp ${"a/b.txt"} ${"/tmp/c-1"}`, "cp a/b.txt /tmp/c-1");
});

test("spreads arrays into arguments", () => {
  assert.equal(sh`rm ${["a", "b c"]}`, "rm a 'b c'");
  assert.equal(sh`rm ${[]}`, "rm ");
});

test("accepts numbers, booleans, null and undefined as text", () => {
  assert.equal(sh`x ${1} ${true} ${null} ${undefined}`, "x 1 true '' ''");
});

test("refuses objects, also inside arrays", () => {
  assert.throws(() => sh`x ${{}}`, TypeError);
  assert.throws(() => sh`x ${[{}]}`, TypeError);
});
