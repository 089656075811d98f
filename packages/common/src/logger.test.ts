import assert from "node:assert/strict";
import { test } from "node:test";
import { type Logger, withFields } from "./logger.ts";

test("fields are added to what is written at every level, and what is written comes first", () => {
  const written: unknown[][] = [];
  const levels = ["debug", "info", "warn", "error"] as const;
  const log = Object.fromEntries(
    levels.map((level) => [level, (fields: object, message: string) => written.push([level, fields, message])]),
  ) as unknown as Logger;
  const child = withFields(withFields(log, { sandbox: "a", connection: 0 }), { connection: 1 });
  for (const level of levels) child[level]({ level }, "happened");
  child.info({ sandbox: "b" }, "happened elsewhere");
  assert.deepEqual(written, [
    ...levels.map((level) => [level, { sandbox: "a", connection: 1, level }, "happened"]),
    ["info", { sandbox: "b", connection: 1 }, "happened elsewhere"],
  ]);
});
