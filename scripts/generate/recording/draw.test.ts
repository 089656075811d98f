import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { drawSession } from "./draw.ts";
import { COMMANDS } from "./session.ts";
import { recordShell } from "./shell.ts";

/** Size limit: README.md loads the picture with the page. */
const MAX_BYTES = 60_000;

describe("a drawn session", () => {
  test("shows what was typed and printed, whatever characters are in it", () => {
    const svg = drawSession("title", [{ command: 'echo "<a & b>"', output: "<a & b>", durationMs: 10 }]);
    assert.ok(svg.includes(">echo &quot;&lt;a &amp; b&gt;&quot;</text>"), svg);
    assert.ok(svg.includes(">&lt;a &amp; b&gt;</text>"), svg);
  });

  test("wraps long lines", () => {
    const svg = drawSession("title", [{ command: "true", output: "x".repeat(250), durationMs: 0 }]);
    assert.deepEqual(
      Array.from(svg.matchAll(/>(x+)</g), ([, line]) => line!.length),
      [100, 100, 50],
    );
  });

  test("prints a command's output after the time that the command took", () => {
    const delays = (durationMs: number) =>
      Array.from(
        drawSession("title", [{ command: "a", output: "b", durationMs }]).matchAll(/animation-delay:(\d+)ms/g),
        ([, ms]) => Number(ms),
      );
    const [quick, slow] = [delays(200), delays(1_200)];
    assert.equal(slow.at(-1)! - quick.at(-1)!, 1_000);
  });
});

test("a recorded shell keeps variables, and standard error in its place", async () => {
  const steps = await recordShell(["a=1", "echo $a; echo two >&2; echo three"], { cwd: ".", env: process.env });
  assert.deepEqual(
    steps.map(({ output }) => output),
    ["", "1\ntwo\nthree"],
  );
});

test("docs/recording.svg is small, self-contained, and shows the commands of today", () => {
  const svg = readFileSync(new URL("../../../docs/recording.svg", import.meta.url), "utf8");
  assert.ok(svg.length < MAX_BYTES, String(svg.length));
  assert.doesNotMatch(svg.replace('xmlns="http://www.w3.org/2000/svg"', ""), /<script|url\(|href|xmlns/);
  const typed = Array.from(svg.matchAll(/class="t [^>]*>([^<]*)</g), ([, text]) => text).join("");
  assert.equal(
    typed,
    COMMANDS.map((command) =>
      command.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;"),
    ).join(""),
  );
});
