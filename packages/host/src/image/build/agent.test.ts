import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { agentFromSource } from "./agent.ts";

test("only what the agent is built from changes its digest", async () => {
  const dir = await mkdtemp(join(tmpdir(), "agent-"));
  const digestWith = async (path: string) => {
    await mkdir(dirname(join(dir, path)), { recursive: true });
    await writeFile(join(dir, path), path);
    return (await agentFromSource(dir)).digest;
  };
  const digest = await digestWith("cmd/agent/main.go");
  for (const path of ["README.md", "internal/a/a_test.go", "internal/a/testdata/fields.json", "cmd/other/main.go"])
    assert.equal(await digestWith(path), digest, path);
  for (const path of ["internal/a/a.go", "cmd/agent/network.go", "go.mod"])
    assert.notEqual(await digestWith(path), digest, path);
  await rm(dir, { recursive: true });
});
