/**
 * Throughput of the redactor: `node --conditions=sandkeep-source packages/egress/src/secrets/redaction/redact.bench.ts`.
 * In megabytes per second of CPU time, with chunks of 64 KiB, and of 4 KiB with three secrets.
 */
import { randomBytes } from "node:crypto";
import { newPlaceholder } from "../placeholder.ts";
import { type Secret, SecretSet } from "../secret.ts";
import { Redactor } from "./redact.ts";

const SIZE = 4 << 20;
const MEASURE_MS = 250;

const filled = (text: string) => Buffer.from(text.repeat(Math.ceil(SIZE / text.length)));
const INPUTS: Record<string, Buffer> = {
  zeros: Buffer.alloc(SIZE),
  random: randomBytes(SIZE),
  JSON: filled(
    '{"id":"chatcmpl-123","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"Hello \\"world\\"\\n and more"}}]}\n',
  ),
  HTML: filled('<a href="/x?a=1&amp;b=2" class="foo bar">Text &lt;b&gt; some words of ordinary prose that go on</a>\n'),
  base64: Buffer.from(randomBytes((SIZE * 3) / 4).toString("base64")),
  hexadecimal: Buffer.from(randomBytes(SIZE / 2).toString("hex")),
  "all %XX": filled("%E4%BD%A0%E5%A5%BD"),
  "all backslashes": filled("\\"),
  "a value's start, all %XX": filled("%73%6b%2d%70%72%6F%6a"),
};

function secrets(count: number, ...more: string[]): SecretSet {
  const values = [...Array.from({ length: count }, () => `sk-proj-${randomBytes(30).toString("base64url")}`), ...more];
  return new SecretSet(
    values.map(
      (value, index): Secret => ({
        name: `S${index}`,
        placeholder: newPlaceholder(),
        value: Buffer.from(value),
        hosts: [],
        inBody: false,
      }),
    ),
  );
}

function measure(set: SecretSet, data: Buffer, chunkBytes: number): string {
  const redactor = new Redactor(set);
  const pass = () => {
    const scanner = redactor.scanner();
    for (let at = 0; at < data.length; at += chunkBytes) scanner.push(data.subarray(at, at + chunkBytes));
    scanner.flush();
  };
  pass();
  const spentMs = (since?: NodeJS.CpuUsage) => process.cpuUsage(since).user / 1000;
  const began = process.cpuUsage();
  let passes = 0;
  for (; spentMs(began) < MEASURE_MS; passes++) pass();
  return String(Math.round((passes * data.length) / 1000 / spentMs(began))).padStart(14);
}

const columns: [string, SecretSet, number][] = [
  ["1 secret", secrets(1), 65_536],
  ["3 secrets", secrets(3), 65_536],
  ["20 secrets", secrets(20), 65_536],
  ["one of 4 bytes", secrets(2, "f0x!"), 65_536],
  ["3, 4 KiB", secrets(3), 4096],
];
console.log(" ".repeat(26) + columns.map(([title]) => title.padStart(14)).join(""));
for (const [name, data] of Object.entries(INPUTS)) {
  console.log(name.padEnd(26) + columns.map(([, set, chunkBytes]) => measure(set, data, chunkBytes)).join(""));
}
