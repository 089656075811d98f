import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { get } from "node:https";
import { type AddressInfo, createServer } from "node:net";
import { json } from "node:stream/consumers";
import { test } from "node:test";
import type { ServerInfo } from "@sandkeep/protocol";
import { Fixture } from "../testing/fixture.ts";

async function info({ server }: Fixture, token = server.token): Promise<ServerInfo> {
  const ca = await readFile(server.caFile!, "utf8");
  const headers = { authorization: `Bearer ${token}` };
  const [response] = await once(get(`${server.apiEndpoint}/api/v1/info`, { ca, headers, agent: false }), "response");
  return (await json(response)) as ServerInfo;
}

test("a server whose certificate authority cannot be reached serves with the local CA, and administrators see why", async () => {
  // It accepts connections, and ends them.
  const broken = createServer((socket) => socket.destroy()).listen(0, "127.0.0.1");
  await once(broken, "listening");
  const directory = `https://127.0.0.1:${(broken.address() as AddressInfo).port}/dir`;
  await using fixture = await Fixture.start({ tls: { acme: { directory, domains: ["box.example.com"] } } });
  assert.match(fixture.origin, /^https:/);
  const [acme, local] = (await info(fixture)).certificates!;
  assert.deepEqual([acme!.source, acme!.names, acme!.expiresAt], ["acme", ["box.example.com"], null]);
  assert.equal(local!.source, "local-ca");
  assert.ok(local!.names.includes("127.0.0.1") && local!.expiresAt !== null);
  broken.close();
});

test("only administrators see certificates, and plain HTTP has none", async () => {
  await using fixture = await Fixture.start();
  assert.deepEqual((await fixture.get<ServerInfo>("/api/v1/info")).certificates, []);
  const reader = await fixture.token({ scope: "read" });
  const answer = await fixture.request("GET", "/api/v1/info", { token: reader.token });
  assert.equal(((await answer.json()) as ServerInfo).certificates, undefined);
});

test("a port for certificate authorities that is taken is an error of the configuration", async () => {
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  const httpPort = (taken.address() as AddressInfo).port;
  const acme = { domains: ["box.example.com"], challenge: "http-01" as const, httpPort };
  await using fixture = await Fixture.start();
  await fixture.server.close();
  await assert.rejects(
    fixture.start({ tls: { acme } }),
    /Cannot listen on 127\.0\.0\.1 port \d+ for .*http-01.*EADDRINUSE/,
  );
  taken.close();
});
