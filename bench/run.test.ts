import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { root, runProgram, UsageError } from "@sandkeep/cli";

test("`sandkeep bench` finds the measurements, and refuses one that does not exist before it starts anything", async () => {
  const stream = () => Object.assign(new PassThrough(), { isTTY: false });
  const streams = { stdin: stream(), stdout: stream(), stderr: stream() };
  await assert.rejects(
    runProgram(root, ["bench", "--only", "create,warp"], { streams, env: {}, version: "0.0.0" }),
    (error) => error instanceof UsageError && /there is no measurement "warp"/.test(error.message),
  );
});
