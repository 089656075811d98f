/** Against Pebble, Let's Encrypt's test server, which connects to the challenges as a real certificate authority does. */
import assert from "node:assert/strict";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { groups } from "./acme-certificates.ts";
import { Lab } from "./testing/lab.ts";

describe("a certificate authority that speaks ACME", async () => {
  let lab: Lab;
  before(async () => (lab = await Lab.start()));
  after(() => lab[Symbol.asyncDispose]());

  test("checks a name by a TLS handshake, and gives a certificate that clients trust", async () => {
    await using certificates = await lab.open({ domains: ["alpn.example.com"], email: "admin@example.com" });
    assert.equal(certificates.states()[0]!.expiresAt, null);
    await lab.log.next(/got a certificate/);
    assert.equal((await lab.connect("alpn.example.com")).authorized, true);
    const [state] = certificates.states();
    assert.deepEqual([state!.source, state!.names, state!.problem], ["acme", ["alpn.example.com"], null]);
    assert.ok(state!.expiresAt!.getTime() > Date.now());
    assert.equal(certificates.handshakes!.pending, false);
  });

  test("checks a name by HTTP", async () => {
    const challenge = { type: "http-01", host: "127.0.0.1", port: lab.httpPort } as const;
    await using _ = await lab.open({ domains: ["http.example.com"], challenge });
    await lab.log.next(/got a certificate/);
    assert.equal((await lab.connect("http.example.com")).authorized, true);
  });

  test("checks a name and its wildcard by DNS, for one certificate", async () => {
    const domains = ["*.dns.example.com", "dns.example.com"];
    await using _ = await lab.open({ domains, challenge: { type: "dns-01", hook: lab.hook } });
    await lab.log.next(/got a certificate/);
    assert.equal((await lab.connect("dns.example.com")).authorized, true);
    assert.equal((await lab.connect("shop.dns.example.com")).authorized, true);
    assert.equal((await lab.connect("a.shop.dns.example.com")).authorized, false);
    const calls = (await lab.hookCalls()).map(([action, record]) => `${action} ${record}`);
    const record = "_acme-challenge.dns.example.com.";
    assert.deepEqual(calls.sort(), [
      `cleanup ${record}`,
      `cleanup ${record}`,
      `present ${record}`,
      `present ${record}`,
    ]);
  });

  test("is asked for one certificate after another", async () => {
    const from = lab.front.requests.length;
    await using _ = await lab.open({ domains: ["one.example.com", "two.example.com", "three.example.com"] });
    for (let count = 0; count < 3; count++) await lab.log.next(/got a certificate/);
    const steps = lab.front.requests.slice(from).flatMap(({ payload }) => {
      if (payload && "identifiers" in payload) return ["order"];
      return payload && "csr" in payload ? ["finish"] : [];
    });
    assert.deepEqual(steps, ["order", "finish", "order", "finish", "order", "finish"]);
  });

  test("is not asked again for a certificate that is kept, whose files only their owner can read", async () => {
    {
      await using _ = await lab.open({ domains: ["kept.example.com"] });
      await lab.log.next(/got a certificate/);
    }
    const orders = lab.front.orders.length;
    await using certificates = await lab.open({ domains: ["kept.example.com"] });
    assert.notEqual(certificates.states()[0]!.expiresAt, null);
    assert.equal((await lab.connect("kept.example.com")).authorized, true);
    await lab.clock.idle();
    assert.equal(lab.front.orders.length, orders);
    const [folder] = readdirSync(join(lab.dir, "acme"));
    const files = readdirSync(join(lab.dir, "acme", folder!));
    assert.ok(files.includes("account.json") && files.includes("kept.example.com.pem"));
    for (const file of files) assert.equal(statSync(join(lab.dir, "acme", folder!, file)).mode & 0o777, 0o600, file);
  });

  test("is told a new address for its mails, and opens no second account for it", async () => {
    const from = lab.front.requests.length;
    await using _ = await lab.open({ domains: ["mail.example.com"], email: "other@example.com" });
    await lab.log.next(/got a certificate/);
    const sent = lab.front.requests.slice(from).map(({ payload }) => payload ?? {});
    assert.ok(sent.some(({ contact }) => JSON.stringify(contact) === '["mailto:other@example.com"]'));
    assert.ok(!sent.some((payload) => "termsOfServiceAgreed" in payload));
  });

  test("other names get the local CA's certificate", async () => {
    await using certificates = await lab.open({ domains: ["kept.example.com"] });
    assert.equal((await lab.connect("elsewhere.example.com")).authorized, false);
    assert.deepEqual(
      certificates.states().map(({ source }) => source),
      ["acme", "local-ca"],
    );
  });

  test("that has forgotten the account gets a new one", async () => {
    await lab.restartPebble();
    await using _ = await lab.open({ domains: ["forgotten.example.com"] });
    await lab.log.next(/got a certificate/);
    assert.equal((await lab.connect("forgotten.example.com")).authorized, true);
  });
});

test("an account that was opened elsewhere is used, and asked for when it is missing", async () => {
  const hmacKey = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W";
  await using lab = await Lab.start({ externalAccounts: { "kid-1": hmacKey } });
  {
    await using certificates = await lab.open({ domains: ["bound.example.com"] });
    await lab.log.next(/none could be had/);
    assert.match(certificates.states()[0]!.problem!, /opened elsewhere; set tls\.acme\.externalAccount/);
  }
  await using _ = await lab.open({ domains: ["bound.example.com"], externalAccount: { keyId: "kid-1", hmacKey } });
  await lab.log.next(/got a certificate/);
});

test("requests whose nonce is rejected are sent again", async () => {
  await using lab = await Lab.start({ rejectNonces: 20 });
  await using _ = await lab.open({ domains: ["nonce.example.com"] });
  await lab.log.next(/got a certificate/);
});

test("a name and its wildcard share a certificate, other names have their own", () => {
  assert.deepEqual(groups(["*.box.example.com", "api.example.com", "box.example.com", "*.apps.example.com"]), [
    ["api.example.com"],
    ["box.example.com", "*.box.example.com"],
    ["*.apps.example.com"],
  ]);
});
