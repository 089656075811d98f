import assert from "node:assert/strict";
import { test } from "node:test";
import type { z } from "zod";
import { type RpcDecodedParams, type RpcMethod, rpcMethods } from "./methods.ts";

function parse<M extends RpcMethod>(method: M, params: unknown) {
  return rpcMethods[method].params.safeParse(params) as z.ZodSafeParseResult<RpcDecodedParams<M>>;
}

test("walk takes its filters beside the path or under options", () => {
  assert.equal(parse("walk", { path: "/x", maxDepth: 2, includeDirs: null }).data!.maxDepth, 2);
  assert.deepEqual(parse("walk", { path: "/x", options: { maxDepth: 2 } }).data, { path: "/x", maxDepth: 2 });
  assert.equal(parse("walk", { path: "/x", options: { maxDepth: "2" } }).success, false);
});

test("fileTruncate takes len or size, and nothing means 0", () => {
  const len = (params: object) => parse("fileTruncate", { fileHandleId: 1, ...params }).data!.len;
  assert.equal(len({ len: 3 }), 3);
  assert.equal(len({ size: 4 }), 4);
  assert.equal(len({ size: null }), 0);
  assert.equal(len({}), 0);
});

test("fileSeek takes numbers and decimal strings", () => {
  const offset = (value: unknown) => parse("fileSeek", { fileHandleId: 0, offset: value, whence: 0 });
  assert.equal(offset(5).data!.offset, "5");
  assert.equal(offset("-9007199254740993").data!.offset, "-9007199254740993");
  for (const bad of [1.5, "1.5", "0x10", "", null]) assert.equal(offset(bad).success, false, String(bad));
  assert.equal(parse("fileSeek", { fileHandleId: 0, offset: 0, whence: 3 }).success, false);
});

test("unknown params are ignored", () => {
  assert.deepEqual(parse("stat", { path: "x", stdin: "piped", signal: null }).data, { path: "x" });
});

test("spawn treats inherit as piped", () => {
  const params = parse("spawn", { command: "x", stdin: "piped", stdout: "inherit", stderr: "null" }).data!;
  assert.equal(params.stdout, "piped");
  assert.equal(params.stderr, "null");
  assert.equal(parse("spawn", { command: "x", stdout: "file", stderr: "null" }).success, false);
});

test("writeFile needs content or a stream of it", () => {
  assert.equal(parse("writeFile", { path: "x" }).success, false);
  assert.equal(parse("writeFile", { path: "x", content: null, contentStreamId: 0 }).success, true);
  assert.equal(parse("writeFile", { path: "x", content: "" }).success, true);
});

test("every issue has what the Python client reads: path and message", () => {
  const { error } = parse("stat", {});
  assert.deepEqual(JSON.parse(error!.message), [
    {
      expected: "string",
      code: "invalid_type",
      path: ["path"],
      message: "Invalid input: expected string, received undefined",
    },
  ]);
});

test("spawnDeno needs an entry point or code", () => {
  assert.equal(parse("spawnDeno", { stdout: "piped", stderr: "piped" }).success, false);
  assert.equal(
    parse("spawnDeno", { stdout: "piped", stderr: "piped", entrypoint: "main.ts", watch: ["a"] }).success,
    true,
  );
  assert.equal(parse("spawnDeno", { stdout: "piped", stderr: "piped", code: "1", extension: "py" }).success, false);
});
