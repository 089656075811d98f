import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { ImageError } from "../image.ts";
import { runCommand } from "./command.ts";

test("gives the standard output, and each line of the other", async () => {
  const lines: string[] = [];
  const output = await runCommand("sh", ["-c", "echo out; echo one >&2; echo two >&2"], {
    onLine: (line) => lines.push(line),
  });
  assert.equal(output, "out\n");
  assert.deepEqual(lines, ["one", "two"]);
});

test("a tool that is not installed is named, with what to do", async () => {
  await assert.rejects(runCommand("sandkeep-no-such-tool", []), {
    name: "ImageError",
    message: "sandkeep-no-such-tool not found: run ./sandkeep doctor",
  });
});

test("a failure carries the exit code and the last lines", async () => {
  const script = "for n in $(seq 100); do echo line $n >&2; done; exit 7";
  await assert.rejects(runCommand("sh", ["-c", script]), (error: unknown) => {
    assert.ok(error instanceof ImageError);
    assert.equal(error.exitCode, 7);
    assert.match(error.message, /^sh failed with exit code 7:/);
    assert.match(error.message, /line 100$/);
    assert.doesNotMatch(error.message, /line 50$/m);
    return true;
  });
});

test("aborting ends the tool's whole group before it rejects", async () => {
  const controller = new AbortController();
  let group = 0;
  const running = runCommand("sh", ["-c", "sleep 100 & echo ready >&2; wait"], {
    signal: controller.signal,
    onLine: () => controller.abort(new Error("no more")),
    attend: async (child) => void (group = child.pid!),
  });
  await assert.rejects(running, /no more/);
  // Only members of the group that wait to be reaped may be left.
  assert.deepEqual(await alive(group), []);
});

/** Processes of a group, by pid. Read from /proc, because not every computer has ps. */
async function alive(group: number): Promise<string[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const stats = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/stat`, "utf8").catch(() => "")));
  return pids.filter((_, i) => {
    // After the name in parentheses: state, parent, group (proc(5)).
    const [state, , pgid] = stats[i]!.slice(stats[i]!.lastIndexOf(")") + 2).split(" ");
    return Number(pgid) === group && state !== "Z";
  });
}

test("when what feeds the tool fails, the tool is ended and that failure is reported", async () => {
  const running = runCommand("cat", [], {
    stdin: "pipe",
    attend: () => Promise.reject(new ImageError("nothing to feed")),
  });
  await assert.rejects(running, /nothing to feed/);
});

test("when the tool fails, its words are reported, not the broken stream", async () => {
  const running = runCommand("sh", ["-c", "echo disk full >&2; exit 1"], {
    stdin: "pipe",
    attend: async (child) => {
      await once(child, "exit");
      throw new Error("EPIPE");
    },
  });
  await assert.rejects(running, /disk full/);
});

test("further descriptors reach the tool by their number", async () => {
  let got = "";
  await runCommand("bash", ["-c", "echo through >&21"], {
    extra: { 21: "pipe" },
    attend: async (child) => void (got = await text(child.stdio[21 as 3] as NodeJS.ReadableStream)),
  });
  assert.equal(got, "through\n");
});

test("a tool that ends with us does, even when we are killed", async () => {
  // Every process of the group holds the pipe, so it ends when the last one is gone.
  const program = `
    import { runCommand } from ${JSON.stringify(new URL("./command.ts", import.meta.url).href)};
    await runCommand("sh", ["-c", "sleep 100 & echo running >&8; wait"], { endWithUs: true, extra: { 8: 3 } });
  `;
  const flags = [...process.execArgv.filter((flag) => !flag.startsWith("--test")), "--input-type=module", "--eval"];
  const us = spawn(process.execPath, [...flags, program], { stdio: ["ignore", "inherit", "inherit", "pipe"] });
  const output = us.stdio[3] as NodeJS.ReadableStream;
  await once(output, "readable");
  us.kill("SIGKILL");
  assert.equal(await text(output), "running\n");
});
