/** Class 8: an approved host sends back what it was sent. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { brotliDecompressSync, gunzipSync, inflateRawSync, inflateSync, zstdDecompressSync } from "node:zlib";
import { pidOfSandbox } from "../harness/machines.ts";
import { Arena } from "./fixture/arena.ts";
import type { Attacker, Outcomes } from "./fixture/attacker.ts";
import { descendants, findInMemory, formsOf } from "./fixture/hunt.ts";
import { reflect } from "./fixture/reflector.ts";

const API = "api.test.example";

let arena: Arena;
let attacker: Attacker;
let outcomes: Outcomes;
before(async () => {
  arena = await Arena.open({ upstreams: { [API]: { handler: reflect } } });
  attacker = await arena.attacker({ allowNet: [API], secrets: { API_KEY: { hosts: [API], value: arena.value } } });
  outcomes = await attacker.run("reflection.py");
});
after(() => arena?.[Symbol.asyncDispose]());

/** The text of a response, with chunks and any codings removed. */
function readings(received: string): string[] {
  const bytes = Buffer.from(received, "latin1");
  const end = bytes.indexOf("\r\n\r\n");
  const body = bytes.subarray(end + 4);
  const whole = /transfer-encoding: chunked/i.test(received.slice(0, end)) ? unchunked(body) : body;
  const all = [bytes, whole];
  for (let depth = 0; depth < 9; depth++) {
    for (const decode of [gunzipSync, inflateSync, inflateRawSync, brotliDecompressSync, zstdDecompressSync]) {
      try {
        all.push(decode(all.at(-1)!));
        break;
      } catch {
        // Another coding, or none.
      }
    }
  }
  return all.map((buffer) => buffer.toString("latin1"));
}

function unchunked(bytes: Buffer): Buffer {
  const pieces: Buffer[] = [];
  for (let at = 0; ; ) {
    const line = bytes.indexOf("\r\n", at);
    const size = parseInt(bytes.toString("latin1", at, line), 16);
    if (line < 0 || !(size > 0)) return Buffer.concat(pieces);
    pieces.push(bytes.subarray(line + 2, line + 2 + size));
    at = line + 4 + size;
  }
}

const shows = (text: string) => formsOf(arena.value).some((form) => Buffer.from(text, "latin1").includes(form));

test("the value did arrive at the approved host: there is something to send back", () => {
  assert.ok(arena.upstream(API).connections.filter(({ text }) => text.includes(arena.value)).length > 20);
});

describe("the value does not come back by", () => {
  for (const place of ["body", "header", "location", "cookie", "name", "trailer", "interim", "error", "status"])
    test(`place: ${place}`, () => hidden(`place_${place}`));
  for (const coding of ["gzip", "x-gzip", "deflate", "deflate-raw", "br", "zstd", "gzip+br", "br+gzip+zstd"]) {
    test(`coding: ${coding}`, () => hidden(`coding_${coding}`));
    test(`coding: ${coding}, a byte at a time`, () => hidden(`coding_${coding}_split`));
  }
  for (const split of [1, 2, 3, 7, 16, 41]) test(`pieces of ${split} bytes`, () => hidden(`split_${split}`));
  for (const dress of ["url", "json", "base64", "base64url", "hex"]) {
    test(`dress: ${dress}`, () => hidden(`dress_${dress}`));
    test(`dress: ${dress}, a byte at a time`, () => hidden(`dress_${dress}_split`));
    for (const place of ["header", "cookie", "location"])
      test(`dress: ${dress}, in a ${place}`, () => hidden(`dress_${dress}_${place}`));
  }
  for (const name of [
    "with_length",
    "with_length_split",
    "trace",
    "options",
    "ranges",
    "over_h2",
    "members_gzip",
    "members_zstd",
    "as_upper",
    "as_listed",
    "as_exotic",
    "as_compress",
    "as_another",
    "as_lines",
    "as_many",
  ])
    test(name, () => hidden(name));
  test("curl --compressed", () =>
    assert.ok(!shows(JSON.stringify(outcomes.curl_decompressed)), JSON.stringify(outcomes.curl_decompressed)));
});

function hidden(name: string): void {
  const { received, error } = outcomes[name] as { received?: string; error?: string };
  assert.ok(received !== undefined || error !== undefined, JSON.stringify(outcomes[name]));
  for (const reading of readings(received ?? "")) assert.ok(!shows(reading), `${name}: ${reading}`);
}

test("what stands there instead is the placeholder, and the rest is as it was sent", () => {
  for (const name of ["place_body", "split_1", "coding_gzip", "coding_br_split", "coding_zstd"]) {
    const { received = "" } = outcomes[name] as { received?: string };
    assert.ok(
      readings(received).some((text) => /before DENO_SECRET_PLACEHOLDER_[0-9a-f]{64} after/.test(text)),
      `${name}, ended ${(outcomes[name] as { ended?: boolean }).ended}: ${received}`,
    );
  }
});

test("no piece of an answer, and nothing that was made of it, is in the machine's memory", () => {
  const pid = pidOfSandbox(arena.server.dataDir, attacker.id)!;
  assert.ok(descendants(arena.server.pid).includes(pid));
  assert.ok(findInMemory(pid, [Buffer.from("DENO_SECRET_PLACEHOLDER_")]).length > 0, "the search finds what is there");
  assert.deepEqual(findInMemory(pid, formsOf(arena.value)), []);
});
