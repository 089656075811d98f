import assert from "node:assert/strict";
import { test } from "node:test";
import type { QmpEvent } from "../qmp.ts";
import { goOnWithSpace } from "./no-space.ts";

const RETRY_MS = 1_000;

test("a machine that was stopped for want of space tries again, once in a while, unless it is paused", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const told: string[] = [];
  let say: (event: QmpEvent) => void = () => {};
  let isWanted = true;
  const qmp = {
    onEvent: (listener: typeof say) => void (say = listener),
    execute: async (command: string) => void told.push(command),
  };
  goOnWithSpace(qmp, () => isWanted, RETRY_MS);
  const fail = (data: object) => say({ event: "BLOCK_IO_ERROR", data: { nospace: true, action: "stop", ...data } });
  const tried = () => {
    context.mock.timers.tick(RETRY_MS);
    return told.splice(0);
  };
  fail({ nospace: false });
  fail({ action: "report" });
  say({ event: "STOP" });
  assert.deepEqual(tried(), []);
  for (let n = 0; n < 3; n++) fail({});
  assert.deepEqual(tried(), ["cont"]);
  assert.deepEqual(tried(), []);
  fail({});
  assert.deepEqual(tried(), ["cont"], "again");
  isWanted = false;
  fail({});
  assert.deepEqual(tried(), []);
});
