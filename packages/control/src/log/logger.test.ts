import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { test } from "node:test";

const program = `
  import { createLogger } from ${JSON.stringify(import.meta.resolve("./logger.ts"))};
  const log = createLogger("info");
  for (let n = 0; n < 3; n++) log.info({}, "what nobody will read");
  setImmediate(() => console.log("goes on"));
`;

test("a log whose disk is full does not fail what is logged", () => {
  const full = openSync("/dev/full", "w");
  try {
    const args = ["--conditions=sandkeep-source", "--disable-warning=ExperimentalWarning", "--input-type=module"];
    const { stdout } = spawnSync(process.execPath, [...args, "-e", program], {
      stdio: ["ignore", "pipe", full],
      encoding: "utf8",
    });
    assert.equal(stdout, "goes on\n");
  } finally {
    closeSync(full);
  }
});
