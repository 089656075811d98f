import assert from "node:assert/strict";
import { test } from "node:test";
import type { RequestRule } from "../../contract.ts";
import { anyHost, anyPattern } from "../../testing/policy.ts";
import { fc, property } from "../../testing/property.ts";
import { parseHost } from "../hosts/host.ts";
import { RuleBook } from "./rule-book.ts";

const book = (...rules: RequestRule[]) => new RuleBook(rules, () => 0);
const decide = (
  of: RuleBook,
  method = "GET",
  path = "/",
  length: number | null = 0,
  host = "api.example.com",
  port = 443,
) => of.decide(parseHost(host)!, port, method, path, length);

test("a host that no rule is for is not restricted", () => {
  const rules = book({ host: "api.example.com:443", methods: ["GET"] });
  assert.equal(decide(rules, "DELETE", "/", 0, "other.example.com").allowed, true);
  assert.equal(decide(rules, "DELETE", "/", 0, "api.example.com", 8443).allowed, true);
  assert.equal(decide(rules, "DELETE").allowed, false);
});

test("a request fits when one rule permits all of it", () => {
  const rules = book(
    { host: "api.example.com", methods: ["GET"], paths: ["/v1/**"] },
    { host: "*.example.com", methods: ["POST"], paths: ["/v1/chat", "/v2/*"] },
  );
  for (const [method, path, allowed] of [
    ["GET", "/v1/models", true],
    ["GET", "/v1/models?x=/v3/", true],
    ["POST", "/v1/chat", true],
    ["POST", "/v2/chat", true],
    ["POST", "/v1/models", false],
    ["GET", "/v2/chat", false],
    ["get", "/v1/models", false],
    ["DELETE", "/v1/models", false],
    ["GET", "/v3?/v1/models", false],
    ["GET", "/v1/../admin", false],
    ["GET", "/v1/%2e%2e/admin", false],
    ["GET", "//v1/models", false],
    ["OPTIONS", "*", false],
  ] as const)
    assert.equal(decide(rules, method, path).allowed, allowed, `${method} ${path}`);
});

test("a denial says why, and names the host", () => {
  const rules = book({
    host: "api.example.com",
    methods: ["GET"],
    paths: ["/v1/*"],
    maxRequestBytes: 10,
    requestsPerMinute: 1,
  });
  assert.deepEqual(decide(rules, "POST", "/v1/x"), {
    allowed: false,
    rule: null,
    status: 403,
    maxRequestBytes: null,
    reason: "No request rule of this sandbox permits this method and path at api.example.com:443.",
  });
  assert.match(decide(rules, "GET", "/v1/../x").reason, /can be read in more than one way/);
  assert.deepEqual(
    [decide(rules, "GET", "/v1/x", 11).status, decide(rules, "GET", "/v1/x", 11).rule],
    [413, "GET api.example.com /v1/* ≤10 B ≤1/min"],
  );
  assert.deepEqual(decide(rules, "GET", "/v1/x", 10).maxRequestBytes, 10);
  assert.deepEqual(
    [decide(rules, "GET", "/v1/x").status, decide(rules, "GET", "/v1/x").rule],
    [429, "GET api.example.com /v1/* ≤10 B ≤1/min"],
  );
});

test("paths are not read where no rule asks for one", () => {
  assert.equal(decide(book({ host: "api.example.com", methods: ["GET"] }), "GET", "/a/../b").allowed, true);
});

test("a body of unknown length gets the largest bound that fits", () => {
  const rules = book(
    { host: "api.example.com", maxRequestBytes: 10 },
    { host: "*.example.com", maxRequestBytes: 1000 },
  );
  assert.equal(decide(rules, "POST", "/", null).maxRequestBytes, 1000);
  assert.equal(decide(rules, "POST", "/", 5).maxRequestBytes, 10);
  assert.equal(decide(rules, "POST", "/", 500).maxRequestBytes, 1000);
  assert.equal(decide(rules, "POST", "/", 5000).status, 413);
  assert.equal(
    decide(book({ host: "api.example.com", maxRequestBytes: 10 }, { host: "api.example.com" }), "POST", "/", null)
      .maxRequestBytes,
    null,
  );
});

test("rates are counted for each rule, and only for what passes", () => {
  let now = 0;
  const rules = new RuleBook(
    [
      { host: "api.example.com", methods: ["GET"], requestsPerMinute: 2 },
      { host: "api.example.com", paths: ["/free"] },
    ],
    () => now,
  );
  const get = (path: string) => decide(rules, "GET", path).status;
  assert.equal(decide(rules, "POST", "/x").status, 403);
  assert.deepEqual([get("/x"), get("/x"), get("/x"), get("/free")], [null, null, 429, null]);
  now = 61_000;
  assert.equal(get("/x"), null);
});

test("a new book goes on counting for rules that stayed as they were", () => {
  const rule = { host: "api.example.com", requestsPerMinute: 1 };
  const former = book(rule);
  assert.equal(decide(former).allowed, true);
  assert.equal(decide(new RuleBook([{ ...rule }, { host: "x.example" }], () => 0, former)).status, 429);
  assert.equal(decide(new RuleBook([{ ...rule, requestsPerMinute: 2 }], () => 0, former)).allowed, true);
});

test("rules for an IPv4 address are for the IPv6 addresses that carry it", () => {
  const rules = book({ host: "203.0.113.7", methods: ["GET"] });
  assert.equal(decide(rules, "POST", "/", 0, "203.0.113.7").status, 403);
  assert.equal(decide(rules, "POST", "/", 0, "[::ffff:203.0.113.7]").status, 403);
  assert.equal(decide(rules, "POST", "/", 0, "[64:ff9b::203.0.113.7]").status, 403);
});

test("any request is checked, never an error, and a denial has a status", () =>
  property(
    [
      fc.array(
        fc.record(
          {
            host: anyPattern,
            methods: fc.constant<string[]>(["GET"]),
            paths: fc.constantFrom<string[][]>(["/**"], ["/a/*"]),
            maxRequestBytes: fc.nat(10),
            requestsPerMinute: fc.integer({ min: 1, max: 3 }),
          },
          { requiredKeys: ["host"] },
        ),
        { maxLength: 4 },
      ),
      anyHost,
      fc.oneof(fc.constant(443), fc.double()),
      fc.oneof(fc.constant("GET"), fc.string({ unit: "binary" })),
      fc.oneof(fc.webPath(), fc.string({ unit: "binary" })),
      fc.option(fc.oneof(fc.nat(), fc.double())),
    ],
    (rules, host, port, method, path, length) => {
      const of = book(...rules);
      const { allowed, status } = of.decide(host, port, method, path, length);
      assert.equal(allowed, status === null);
      if (of.rulesFor(host, port).length === 0) assert.ok(allowed);
    },
    { runs: 2000 },
  ));
