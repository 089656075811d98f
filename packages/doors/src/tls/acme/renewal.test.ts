/** What happens to a certificate over months, and when something goes wrong. */
import assert from "node:assert/strict";
import { mkdir, readdir, readFile, rm, watch, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import type { AcmeCertificates } from "./acme-certificates.ts";
import type { FrontRequest } from "./testing/front.ts";
import { Lab } from "./testing/lab.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const PROBLEM = "urn:ietf:params:acme:error:";

/** Until a certificate is renewed without anybody's suggestion. */
const usualWait = (lab: Lab, certificates: AcmeCertificates) =>
  ((certificates.states()[0]!.expiresAt!.getTime() - lab.clock.now()) * 2) / 3 + HOUR_MS;

const isOrder = ({ payload }: FrontRequest) => payload !== null && "identifiers" in payload;
const problem = (status: number, type: string, detail: string, headers: Record<string, string> = {}) => ({
  status,
  headers: { "content-type": "application/problem+json", ...headers },
  body: JSON.stringify({ type: `${PROBLEM}${type}`, detail }),
});

describe("a certificate", async () => {
  let lab: Lab;
  before(async () => (lab = await Lab.start()));
  after(() => lab[Symbol.asyncDispose]());
  beforeEach(() => {
    lab.front.intercept = () => null;
    lab.front.directory = {};
    lab.names.missing.clear();
    lab.log.entries.length = 0;
  });

  const serial = async (name: string) => (await lab.connect(name)).serial;

  test("is renewed in time, and used at once", async () => {
    await using certificates = await lab.open({ domains: ["renewed.example.com"] });
    await lab.log.next(/got a certificate/);
    await lab.clock.idle();
    const first = await serial("renewed.example.com");
    lab.clock.advance(usualWait(lab, certificates));
    await lab.log.next(/got a certificate/);
    assert.notEqual(await serial("renewed.example.com"), first);
  });

  test("that cannot be renewed stays in use; the log and the state say why, and it is tried again", async () => {
    await using certificates = await lab.open({ domains: ["stays.example.com"] });
    await lab.log.next(/got a certificate/);
    await lab.clock.idle();
    const first = await serial("stays.example.com");
    lab.names.missing.add("stays.example.com");
    lab.clock.advance(usualWait(lab, certificates));
    const warning = await lab.log.next(/could not be renewed; the previous one stays in use/);
    assert.equal(warning.level, "warn");
    assert.match(certificates.states()[0]!.problem!, /refused the name stays\.example\.com/);
    assert.equal(await serial("stays.example.com"), first);
    lab.names.missing.clear();
    await lab.clock.idle();
    lab.clock.advance(6 * MINUTE_MS);
    await lab.log.next(/got a certificate/);
    assert.equal(certificates.states()[0]!.problem, null);
    assert.notEqual(await serial("stays.example.com"), first);
  });

  test("is ordered anew when names are added, and the old one is used meanwhile", async () => {
    const challenge = { type: "dns-01", hook: lab.hook } as const;
    {
      await using _ = await lab.open({ domains: ["grows.example.com"], challenge });
      await lab.log.next(/got a certificate/);
    }
    await writeFile(join(lab.dir, "dns", "fail"), "");
    await using certificates = await lab.open({ domains: ["grows.example.com", "*.grows.example.com"], challenge });
    await lab.log.next(/previous one stays in use/);
    assert.match(
      certificates.states()[0]!.problem!,
      /hook present _acme-challenge\.grows\.example\.com\. ended with status 3: the provider is down/,
    );
    assert.equal((await lab.connect("grows.example.com")).authorized, true);
    await rm(join(lab.dir, "dns", "fail"));
    await lab.clock.idle();
    lab.clock.advance(6 * MINUTE_MS);
    await lab.log.next(/got a certificate/);
    assert.equal((await lab.connect("shop.grows.example.com")).authorized, true);
  });

  test("is renewed when the certificate authority suggests it, and the order names the one that it replaces", async () => {
    lab.front.directory = { renewalInfo: `${lab.front.origin}/renewal` };
    const asked: string[] = [];
    let start = Date.now() + 24 * HOUR_MS;
    lab.front.intercept = ({ path }) => {
      if (!path.startsWith("/renewal/")) return null;
      asked.push(path.slice("/renewal/".length));
      const suggestedWindow = {
        start: new Date(start).toISOString(),
        end: new Date(start + MINUTE_MS).toISOString(),
      };
      return { status: 200, headers: { "retry-after": "7200" }, body: JSON.stringify({ suggestedWindow }) };
    };
    start += lab.clock.now() - Date.now();
    await using _ = await lab.open({ domains: ["suggested.example.com"] });
    await lab.log.next(/got a certificate/);
    await lab.clock.idle();
    const first = await serial("suggested.example.com");
    const orders = lab.front.orders.length;
    // The certificate authority has to revoke it, and says so the next time that it is asked.
    start = lab.clock.now() - HOUR_MS;
    lab.clock.advance(HOUR_MS);
    await lab.clock.idle();
    assert.equal(asked.length, 1);
    lab.clock.advance(HOUR_MS + MINUTE_MS);
    await lab.log.next(/got a certificate/);
    assert.notEqual(await serial("suggested.example.com"), first);
    assert.equal(lab.front.orders.length, orders + 1);
    assert.equal(lab.front.orders.at(-1)!.payload!.replaces, asked[0]);
    assert.match(asked[0]!, /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/);
  });

  test("that another order has replaced already is ordered without saying so", async () => {
    lab.front.directory = { renewalInfo: `${lab.front.origin}/renewal` };
    lab.front.intercept = (request) => {
      if (request.path.startsWith("/renewal/")) return { status: 404 };
      if (isOrder(request) && "replaces" in request.payload!) return problem(409, "alreadyReplaced", "it was replaced");
      return null;
    };
    await using certificates = await lab.open({ domains: ["replaced.example.com"] });
    await lab.log.next(/got a certificate/);
    await lab.clock.idle();
    lab.clock.advance(usualWait(lab, certificates));
    await lab.log.next(/got a certificate/);
  });

  test("is not asked for before the time that the certificate authority names, not even by another start", async () => {
    lab.front.intercept = (request) =>
      isOrder(request) ? problem(429, "rateLimited", "too many certificates", { "retry-after": "10800" }) : null;
    const { length } = lab.front.orders;
    {
      await using certificates = await lab.open({ domains: ["limited.example.com"] });
      await lab.log.next(/none could be had/);
      assert.match(certificates.states()[0]!.problem!, /\(rateLimited\): too many certificates/);
      await lab.clock.idle();
    }
    assert.equal(lab.front.orders.length, length + 1);
    lab.front.intercept = () => null;
    await using _ = await lab.open({ domains: ["limited.example.com"] });
    await lab.clock.idle();
    lab.clock.advance(2 * HOUR_MS);
    await lab.clock.idle();
    assert.equal(lab.front.orders.length, length + 1);
    lab.clock.advance(HOUR_MS + MINUTE_MS);
    await lab.log.next(/got a certificate/);
  });

  for (const [what, answer, expected] of [
    [
      "refuses",
      problem(403, "rejectedIdentifier", "this name is on a list\u001b[31m"),
      /rejectedIdentifier\): this name is on a list \[31m$/,
    ],
    ["answers endlessly", { status: 201, body: "x".repeat(300_000) }, /its answer has more than 262144 bytes/],
    ["redirects", { status: 302, headers: { location: "https://127.0.0.1:1/" } }, /redirects elsewhere/],
    ["answers with something else", { status: 201, body: "<html>" }, /is not ACME/],
    ["is out of order", { status: 503, body: "<h1>Sorry</h1>" }, /status 503: Sorry/],
    [
      "names an address without HTTPS",
      {
        status: 201,
        headers: { location: "http://127.0.0.1/order" },
        body: JSON.stringify({
          status: "pending",
          authorizations: ["http://127.0.0.1/a"],
          finalize: "http://127.0.0.1/f",
        }),
      },
      /without HTTPS/,
    ],
    [
      "makes an invalid order",
      {
        status: 201,
        headers: { location: "https://127.0.0.1/order" },
        body: JSON.stringify({ status: "odd", authorizations: [], finalize: "" }),
      },
      /is not ACME/,
    ],
  ] as const) {
    test(`is not had from a certificate authority that ${what}, and the state says so`, async () => {
      lab.front.intercept = (request) => (isOrder(request) ? answer : null);
      await using certificates = await lab.open({ domains: ["none.example.com"] });
      await lab.log.next(/none could be had/);
      assert.match(certificates.states()[0]!.problem!, expected);
      assert.equal((await lab.connect("none.example.com")).authorized, false);
    });
  }

  test("is not had from a certificate authority that does not offer the challenge", async () => {
    const domains = ["*.offer.example.com"];
    await using certificates = await lab.open({ domains });
    await lab.log.next(/none could be had/);
    assert.match(
      certificates.states()[0]!.problem!,
      /does not check offer\.example\.com by tls-alpn-01; it offers .*dns-01/,
    );
  });

  test("is not had from a certificate authority that asks about another name, and the DNS hook never hears of that", async () => {
    const authorization = {
      identifier: { type: "dns", value: "else.example.com" },
      status: "pending",
      challenges: [{ type: "dns-01", url: `${lab.front.origin}/challenge`, status: "pending", token: "x".repeat(43) }],
    };
    const headers = { "content-type": "application/json" };
    lab.front.intercept = ({ method, path }) =>
      method === "POST" && /^\/authz\//i.test(path)
        ? { status: 200, headers, body: JSON.stringify(authorization) }
        : null;
    const challenge = { type: "dns-01", hook: lab.hook } as const;
    await using certificates = await lab.open({ domains: ["asked.example.com"], challenge });
    await lab.log.next(/none could be had/);
    assert.match(certificates.states()[0]!.problem!, /asks about else\.example\.com, which was not ordered/);
    assert.ok((await lab.hookCalls()).every((call) => !call.join(" ").includes("else.example.com")));
  });

  test("that is somebody else's is not used", async () => {
    let other = "";
    {
      await using certificates = await lab.open({ domains: ["other.example.com"] });
      await lab.log.next(/got a certificate/);
      void certificates;
      other = lab.front.requests.at(-1)!.path;
    }
    lab.front.intercept = ({ method, path }) => {
      if (method !== "POST" || path === other || !path.startsWith(other.replace(/[^/]+$/, ""))) return null;
      return { status: 200, body: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" };
    };
    await using certificates = await lab.open({ domains: ["mine.example.com"] });
    await lab.log.next(/none could be had/);
    assert.match(certificates.states()[0]!.problem!, /a certificate that cannot be used/);
  });

  test("is ordered no longer once the server stops", async () => {
    const stuck = Promise.withResolvers<void>();
    lab.front.intercept = (request) => {
      if (isOrder(request)) stuck.resolve();
      return null;
    };
    const certificates = await lab.open({ domains: ["stops.example.com"] });
    await stuck.promise;
    await certificates[Symbol.asyncDispose]();
    assert.equal(certificates.states()[0]!.expiresAt, null);
    assert.equal(certificates.handshakes!.pending, false);
  });

  test("is ordered no longer once the server stops, although the DNS hook waits, and the record is removed", async () => {
    const dir = join(lab.dir, "dns");
    await writeFile(join(dir, "slow"), "");
    const started = new AbortController();
    const changes = watch(dir, { signal: started.signal });
    const challenge = { type: "dns-01", hook: lab.hook } as const;
    const certificates = await lab.open({ domains: ["waits.example.com"], challenge });
    for await (const { filename } of changes) if (filename === "started") break;
    started.abort();
    await certificates[Symbol.asyncDispose]();
    await rm(join(dir, "slow"));
    const calls = (await lab.hookCalls()).filter(([, record]) => record === "_acme-challenge.waits.example.com.");
    assert.deepEqual(
      calls.map(([action]) => action),
      ["present", "cleanup"],
    );
  });

  test("that cannot be written down is used all the same, and the state says so", async () => {
    const [folder] = await readdir(join(lab.dir, "acme"));
    await mkdir(join(lab.dir, "acme", folder!, "disk.example.com.pem"));
    await using certificates = await lab.open({ domains: ["disk.example.com"] });
    await lab.log.next(/got a certificate/);
    assert.equal((await lab.connect("disk.example.com")).authorized, true);
    assert.match(certificates.states()[0]!.problem!, /could not be kept, .*: E/);
  });

  test("is not ordered with a damaged account, which is named and left as it is", async () => {
    const [folder] = await readdir(join(lab.dir, "acme"));
    const file = join(lab.dir, "acme", folder!, "account.json");
    const account = await readFile(file, "utf8");
    await writeFile(file, account.slice(1));
    await using certificates = await lab.open({ domains: ["account.example.com"] });
    await lab.log.next(/none could be had/);
    assert.match(certificates.states()[0]!.problem!, /account\.json is damaged\. Restore it, or remove it/);
    assert.equal(await readFile(file, "utf8"), account.slice(1));
    await writeFile(file, account);
  });
});
