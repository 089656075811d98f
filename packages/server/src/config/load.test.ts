import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { ConfigError, loadConfig, parseConfig } from "./load.ts";

const dir = await mkdtemp(join(tmpdir(), "sandkeep-config-"));
after(() => rm(dir, { recursive: true }));

async function file(content: string): Promise<string> {
  const path = join(dir, "config.json");
  await writeFile(path, content);
  return path;
}

test("everything has a default", () => {
  const config = parseConfig({});
  assert.equal(config.host, "127.0.0.1");
  assert.equal(config.tls, "auto");
  assert.equal(config.limits.sandboxesPerOrganisation, 100);
  assert.equal(config.limits.maxLifetimeMs, 30 * 60_000);
  assert.equal(config.events.retentionDays, 30);
});

test("options given win over the file, and undefined ones do not count", async () => {
  const config = await loadConfig(await file('{"port": 1234, "region": "ams", "limits": {"sandboxesPerOrganisation": 7}}'), { port: 99, host: undefined });
  assert.equal(config.port, 99);
  assert.equal(config.host, "127.0.0.1");
  assert.equal(config.region, "ams");
  assert.equal(config.limits.sandboxesPerOrganisation, 7);
});

test("says what is wrong and where", async () => {
  const refused = async (content: string, message: RegExp) =>
    assert.rejects(loadConfig(await file(content)), (error) => error instanceof ConfigError && message.test(error.message));
  await refused("{", /config\.json is not JSON/);
  await refused("[]", /JSON object/);
  await refused('{"prot": 1}', /Unrecognized key: "prot"/);
  await refused('{"port": "80"}', /port: expected number/);
  await refused('{"limits": {"sandboxes": 1}}', /limits.*sandboxes/);
  await refused('{"region": "chicago"}', /region: three lowercase letters/);
  await refused('{"host": "example.com"}', /host: must be an IP address/);
  await refused('{"publicUrl": "ftp://x"}', /publicUrl/);
  await assert.rejects(loadConfig(join(dir, "nowhere.json")), /Cannot read/);
});

test("a public URL is brought to its origin, because clients refuse a trailing slash", () => {
  assert.equal(parseConfig({ publicUrl: "https://sandbox.example:8443/" }).publicUrl, "https://sandbox.example:8443");
});
