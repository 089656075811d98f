/** However an answer's connection ends: everything that was sent before arrives in the sandbox, and it ends without a reset. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { setImmediate } from "node:timers/promises";
import { after, before, test } from "node:test";
import { Arena } from "../egress/fixture/arena.ts";
import type { Attacker } from "../egress/fixture/attacker.ts";
import type { Handler } from "../egress/fixture/upstream.ts";

const HOST = "web.test.example";
const RAW = "raw.test.example";
const PIECES = 40;
const LARGE_BYTES = 4 * 1024 * 1024;
const TIMES = 12;
const LAST = "the last bytes";

const answer: Handler = async (request, response) => {
  switch (request.url) {
    case "/pieces":
      for (let sent = 0; sent < PIECES; sent++) {
        response.write("x");
        await setImmediate();
      }
      return void response.end(LAST);
    case "/large":
      return void response.writeHead(200, { "content-length": LARGE_BYTES + LAST.length }).end("x".repeat(LARGE_BYTES) + LAST);
    default:
      return void response.writeHead(200, { "content-length": LAST.length }).end(LAST);
  }
};

interface Ending {
  received: number;
  last: string;
  error?: string;
}

let arena: Arena;
let sandbox: Attacker["sandbox"];
before(async () => {
  arena = await Arena.open({
    upstreams: {
      [HOST]: { handler: answer, alpn: ["http/1.1"] },
      [RAW]: { raw: (stream) => void stream.on("error", () => {}).end("x".repeat(LARGE_BYTES) + LAST), tls: false },
    },
  });
  ({ sandbox } = await arena.attacker({ allowNet: [HOST, RAW] }));
  await sandbox.fs.writeTextFile("/home/app/endings.py", await readFile(new URL("clients/endings.py", import.meta.url), "utf8"));
});
after(() => arena?.[Symbol.asyncDispose]());

for (const [what, host, ports, times] of [["requests", HOST, "80,443", TIMES], ["anything else", RAW, "7000", 1]] as const) {
  test(`of ${what}`, { timeout: 120_000 }, async () => {
    const outcomes = JSON.parse(await sandbox.sh`python3 /home/app/endings.py ${host} ${ports} ${times}`.text()) as Record<string, Ending[]>;
    for (const [name, endings] of Object.entries(outcomes)) {
      for (const ending of endings) {
        assert.equal(ending.error, undefined, `${name}: ${JSON.stringify(ending)}`);
        assert.ok(ending.last.includes("bytes"), `${name}: ${JSON.stringify(ending)}`);
        if (name.includes("late")) assert.ok(ending.received > LARGE_BYTES, `${name}: ${ending.received}`);
      }
    }
  });
}
