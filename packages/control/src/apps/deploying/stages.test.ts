import assert from "node:assert/strict";
import { test } from "node:test";
import { Stages } from "./stages.ts";

const bytesOf = ({ log }: Stages) => Buffer.byteLength(JSON.stringify(log));

for (const [name, line] of [
  ["many lines", "x"],
  ["long lines", "x".repeat(8_192)],
  ["what is larger in JSON", "\u0001".repeat(8_192)],
  ["what is larger in UTF-8", "\ufffd".repeat(8_192)],
  ["a surrogate pair where a line is cut", `${"x".repeat(1_999)}😀`],
] as const)
  test(`a deployment keeps little of ${name}, and always says how it ended`, () => {
    const stages = new Stages(["production"]);
    for (let count = 0; count < 2_000; count++) stages.say("deploying", line);
    assert.ok(bytesOf(stages) < 160 * 1024, `${bytesOf(stages)} bytes`);
    assert.ok(stages.log.length <= 501, `${stages.log.length} lines`);
    assert.match(stages.log.at(-1)!.message, /There are more lines/);
    assert.ok(stages.log.every(({ message }) => message.isWellFormed()));
    stages.fail("errored");
    stages.say("deploying", "The server exited with code 3.", "error");
    assert.deepEqual(
      [stages.log.at(-1)!.message, stages.log.at(-1)!.level],
      ["The server exited with code 3.", "error"],
    );
    assert.ok(bytesOf(stages) < 160 * 1024, `${bytesOf(stages)} bytes`);
  });
