/**
 * However the connection of a response ends, everything sent before arrives in the sandbox, and the connection closes
 * without a reset. An incomplete download resumes where it stopped, also from a host with a secret.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { Arena } from "../egress/fixture/arena.ts";
import type { Attacker } from "../egress/fixture/attacker.ts";
import type { Handler } from "../egress/fixture/upstream.ts";

const HOST = "web.test.example";
const RAW = "raw.test.example";
const FILES = "files.test.example";
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
      return void response
        .writeHead(200, { "content-length": LARGE_BYTES + LAST.length })
        .end("x".repeat(LARGE_BYTES) + LAST);
    default:
      return void response.writeHead(200, { "content-length": LAST.length }).end(LAST);
  }
};

/** A file that contains a secret's value across the point where downloads of it stop. */
const STOP = 1_000_000;
const file = (value: string) => `${"a".repeat(STOP - 10)}${value}${"b".repeat(STOP)}`;

const files: Handler = (request, response) => {
  const content = Buffer.from(file(arena.value));
  const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "") ?? [];
  const from = Number(first ?? 0);
  const to = Math.min(last ? Number(last) : Infinity, content.length - 1);
  if (from > to) return void response.writeHead(416, { "content-range": `bytes */${content.length}` }).end();
  const range = first === undefined ? {} : { "content-range": `bytes ${from}-${to}/${content.length}` };
  response.writeHead(first === undefined ? 200 : 206, {
    ...range,
    "accept-ranges": "bytes",
    "content-length": to - from + 1,
  });
  response.end(request.method === "HEAD" ? undefined : content.subarray(from, to + 1));
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
      [FILES]: { handler: files, alpn: ["http/1.1"] },
      [RAW]: { raw: (stream) => void stream.on("error", () => {}).end("x".repeat(LARGE_BYTES) + LAST), tls: false },
    },
  });
  ({ sandbox } = await arena.attacker({ allowNet: [HOST, RAW] }));
  await sandbox.fs.writeTextFile(
    "/home/app/endings.py",
    await readFile(new URL("clients/endings.py", import.meta.url), "utf8"),
  );
});
after(() => arena?.[Symbol.asyncDispose]());

for (const [what, host, ports, times] of [
  ["requests", HOST, "80,443", TIMES],
  ["anything else", RAW, "7000", 1],
] as const) {
  test(`of ${what}`, { timeout: 120_000 }, async () => {
    const outcomes = JSON.parse(
      await sandbox.sh`python3 /home/app/endings.py ${host} ${ports} ${times}`.text(),
    ) as Record<string, Ending[]>;
    for (const [name, endings] of Object.entries(outcomes)) {
      for (const ending of endings) {
        assert.equal(ending.error, undefined, `${name}: ${JSON.stringify(ending)}`);
        assert.ok(ending.last.includes("bytes"), `${name}: ${JSON.stringify(ending)}`);
        if (name.includes("late")) assert.ok(ending.received > LARGE_BYTES, `${name}: ${ending.received}`);
      }
    }
  });
}

test("of a download that goes on, by curl and by wget", { timeout: 120_000 }, async () => {
  // A separate machine: with a secret, bytes that may begin its value are sent in a chunk of their own.
  const { sandbox } = await arena.attacker({
    allowNet: [FILES],
    secrets: { API_KEY: { hosts: [FILES], value: arena.value } },
  });
  const expected = createHash("sha256")
    .update(file("REDACTED".repeat(arena.value.length).slice(0, arena.value.length)))
    .digest("hex");
  const url = `https://${FILES}/file`;
  const stopped = `curl -sS -r 0-${STOP - 1} -o FILE ${url}`;
  for (const [how, go] of Object.entries({ curl: `curl -sS -C - -o FILE ${url}`, wget: `wget -q -c -O FILE ${url}` })) {
    const script = `cd "$(mktemp -d)" && ${stopped} && ${go} && ${go} && sha256sum FILE && curl -sSI ${url}`;
    const text = await sandbox.sh`bash -c ${script}`.text();
    assert.ok(text.startsWith(expected), `${how}: ${text}`);
    assert.match(text, new RegExp(`content-length: ${file(arena.value).length}\r`, "i"));
  }
});
