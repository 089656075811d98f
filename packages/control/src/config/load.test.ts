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
  const config = await loadConfig(
    await file('{"port": 1234, "region": "ams", "limits": {"sandboxesPerOrganisation": 7}}'),
    { port: 99, host: undefined },
  );
  assert.equal(config.port, 99);
  assert.equal(config.host, "127.0.0.1");
  assert.equal(config.region, "ams");
  assert.equal(config.limits.sandboxesPerOrganisation, 7);
});

test("says what is wrong and where", async () => {
  const refused = async (content: string, message: RegExp) =>
    assert.rejects(
      loadConfig(await file(content)),
      (error) => error instanceof ConfigError && message.test(error.message),
    );
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

test("egress: names and addresses are brought to their one form", async () => {
  const { egress } = await loadConfig(
    await file(
      '{"egress": {"hosts": {"API.Internal.": "10.0.0.5:8443", "v6.internal": "[2001:DB8:0::1]:443", "b": "2001:db8::2"}, "passThrough": ["*.Pinned.example"], "dnsServers": ["192.0.2.53", "[2001:db8::53]:53"], "upstreamProxy": "http://user:pw@proxy.internal:3128"}}',
    ),
  );
  assert.deepEqual(egress.hosts, {
    "api.internal": "10.0.0.5:8443",
    "v6.internal": "[2001:db8::1]:443",
    b: "[2001:db8::2]",
  });
  assert.deepEqual(egress.dnsServers, ["192.0.2.53", "[2001:db8::53]:53"]);
  assert.deepEqual(parseConfig({}).egress, {
    hosts: {},
    caFiles: [],
    passThrough: [],
    dnsServers: [],
    upstreamProxy: null,
    hooks: null,
    processes: null,
  });
});

test("egress: says what is wrong and where", async () => {
  const refused = async (egress: unknown, message: RegExp) =>
    assert.rejects(
      loadConfig(await file(JSON.stringify({ egress }))),
      (error) => error instanceof ConfigError && message.test(error.message) && !error.message.includes("hunter2"),
    );
  await refused({ hosts: { "a b": "10.0.0.1" } }, /egress\.hosts\.a b: is not the name of a host/);
  await refused({ hosts: { "10.0.0.1": "10.0.0.1" } }, /is not the name of a host/);
  await refused({ hosts: { "a.b": "10.0.0.1", "A.B.": "10.0.0.2" } }, /names the same host as another entry/);
  await refused({ hosts: { a: "b.example" } }, /egress\.hosts\.a: must be an IP address/);
  await refused({ hosts: { a: "10.0.0.1:0" } }, /egress\.hosts\.a: must be an IP address/);
  await refused({ passThrough: ["https://a"] }, /egress\.passThrough\.0: .*"https:\/\/a".*URL/);
  await refused({ dnsServers: ["resolver.example"] }, /egress\.dnsServers\.0: must be an IP address/);
  for (const url of ["https://user:hunter2@proxy:3128", "http://user:hunter2@proxy:3128/path", "proxy:3128"])
    await refused({ upstreamProxy: url }, /egress\.upstreamProxy: must be http:/);
  await refused({ caFiles: ["nowhere.pem"] }, /egress\.caFiles\.0: cannot read .*nowhere\.pem/);
  await refused({ caFiles: ["config.json"] }, /contains no PEM certificate/);
  await refused({ hooks: "nowhere.js" }, /egress\.hooks: cannot read the module .*nowhere\.js/);
  await refused({ hooks: "." }, /not a file/);
  await refused({ proxy: 1 }, /Unrecognized key/);
});

test("egress: files are beside the configuration file", async () => {
  const { loadAuthority } = await import("@sandkeep/common/x509");
  await loadAuthority(join(dir, "tls"), { newName: () => "Test" });
  const caFile = join(dir, "tls", "ca.pem");
  await writeFile(join(dir, "hooks.js"), "export default {};");
  const { egress } = await loadConfig(await file('{"egress": {"caFiles": ["tls/ca.pem"], "hooks": "./hooks.js"}}'));
  assert.deepEqual(egress.caFiles, [caFile]);
  assert.equal(egress.hooks, join(dir, "hooks.js"));
});

test("a public URL is brought to its origin, because clients refuse a trailing slash", () => {
  assert.equal(parseConfig({ publicUrl: "https://sandbox.example:8443/" }).publicUrl, "https://sandbox.example:8443");
});

test("ACME: names are brought to their one form, and files are relative to the configuration", async () => {
  await writeFile(join(dir, "dns.sh"), "#!/bin/sh\n", { mode: 0o755 });
  const { tls } = await loadConfig(
    await file(
      '{"tls": {"acme": {"domains": ["Box.Example", "*.box.example"], "challenge": "dns-01", "dnsHook": "dns.sh"}}}',
    ),
  );
  assert.ok(typeof tls === "object" && "acme" in tls);
  assert.deepEqual(tls.acme.domains, ["box.example", "*.box.example"]);
  assert.equal(tls.acme.directory, "https://acme-v02.api.letsencrypt.org/directory");
  assert.equal(tls.acme.dnsHook, join(dir, "dns.sh"));
});

test("ACME: says what does not fit together", async () => {
  const refused = async (acme: object, message: RegExp) =>
    assert.rejects(loadConfig(await file(JSON.stringify({ tls: { acme } }))), message);
  await refused({ domains: [] }, /domains/);
  await refused({ domains: ["localhost"] }, /must be a domain name/);
  await refused({ domains: ["a.example", "A.example"] }, /must not name a domain twice/);
  await refused({ domains: ["*.a.example"] }, /challenge: must be dns-01, because .* \*\.a\.example only by DNS/);
  await refused({ domains: ["a.example"], challenge: "dns-01" }, /dnsHook: is needed for the challenge dns-01/);
  await refused(
    { domains: ["a.example"], dnsHook: "x" },
    /dnsHook: is needed for the challenge dns-01, and for no other/,
  );
  await refused({ domains: ["a.example"], directory: "http://ca.example/dir" }, /directory/);
  await refused(
    { domains: ["a.example"], challenge: "dns-01", dnsHook: "nowhere.sh" },
    /cannot run the program .*nowhere\.sh/,
  );
});
