import assert from "node:assert/strict";
import { test } from "node:test";
import { outOfMemory } from "./out-of-memory.ts";

test("a command that ran out of memory: says how much there was, and how to get more", () => {
  const told = (memoryMiB?: number) => {
    const { message, hint, exitCode } = outOfMemory({
      code: 137,
      signal: "SIGKILL",
      oom: true,
      ...(memoryMiB && { memoryMiB }),
    });
    assert.equal(exitCode, 137);
    return `${message}; ${hint}`;
  };
  assert.equal(
    told(768),
    "the command ran out of memory: the sandbox has 768 MiB; create the sandbox with more, such as --memory 1536MiB",
  );
  assert.match(told(3000), /--memory 4096MiB$/);
  assert.match(told(4096), /4096 MiB; that is the maximum/);
  assert.match(told(), /^the command ran out of memory; create/);
});
