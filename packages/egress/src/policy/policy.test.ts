import assert from "node:assert/strict";
import { test } from "node:test";
import type { PolicySpec } from "../contract.ts";
import { anyAddressText, anyHost, anyPattern, anyPort } from "../testing/policy.ts";
import { fc, property } from "../testing/property.ts";
import { parseAddress } from "./hosts/address.ts";
import { authorityText, parseAuthority, parseHost } from "./hosts/host.ts";
import { matches, restricts } from "./hosts/matcher.ts";
import { PatternError, parsePattern } from "./hosts/pattern.ts";
import { isPublic } from "./hosts/range.ts";
import { Policy } from "./policy.ts";
import { RuleError } from "./rules/rules.ts";

const policy = (allow: string[] | null, deny: string[] = []) => Policy.parse({ allow, deny, rules: [] });
const decide = (of: Policy, authority: string) => {
  const { host, port } = parseAuthority(authority) ?? assert.fail(authority);
  return of.decide(host, port ?? 443);
};
const dial = (of: Policy, address: string, port = 443, own: string[] = []) =>
  of.decideDial(parseAddress(address)!, port, ({ text }) => own.includes(text));

const INNER = [
  "127.0.0.1",
  "[::1]",
  "10.0.0.1",
  "172.16.0.1",
  "192.168.1.1",
  "169.254.169.254",
  "169.254.0.1",
  "100.64.0.1",
  "198.18.0.1",
  "0.0.0.0",
  "224.0.0.1",
  "240.0.0.1",
  "255.255.255.255",
  "168.63.129.16",
  "[::]",
  "[fd00::1]",
  "[fe80::1]",
  "[ff02::1]",
  "[fd00:ec2::254]",
  "[::ffff:127.0.0.1]",
  "[::ffff:169.254.169.254]",
  "[::127.0.0.1]",
  "[64:ff9b::127.0.0.1]",
  "[64:ff9b::a9fe:a9fe]",
  "[2002:7f00:1::]",
  "[2001:0:4136:e378:8000:63bf:3fff:fdd2]",
  "[64:ff9b:1::1]",
];

test("without a list, every name and every public address passes", () => {
  const open = policy(null);
  assert.equal(open.restricted, false);
  for (const host of [
    "example.com",
    "localhost",
    "203.0.113.110:22",
    "8.8.8.8",
    "[2001:db8::1]:80",
    "[64:ff9b::8.8.8.8]",
  ])
    assert.equal(decide(open, host).allowed, true, host);
});

test("without a list, no internal address passes, whichever way it is written", () => {
  for (const host of INNER) {
    const { allowed, reason } = decide(policy(null), host);
    assert.equal(allowed, false, host);
    assert.match(reason, /which is not reachable unless this sandbox's allowNet lists it\.$/);
    assert.equal(dial(policy(null), host.replace(/[[\]]/g, "")).allowed, false, host);
  }
});

test("an empty list lets nothing pass", () => {
  const closed = policy([]);
  assert.equal(closed.restricted, true);
  for (const host of ["example.com", "localhost", "8.8.8.8", "[2001:db8::1]", ...INNER])
    assert.equal(decide(closed, host).allowed, false, host);
});

test("with a list, what it lists passes, and nothing else", () => {
  const some = policy([
    "api.openai.com",
    "*.anthropic.com",
    "203.0.113.110",
    "[2001:db8::1]:80",
    "db.example.com:5432",
  ]);
  for (const [host, rule] of [
    ["api.openai.com", "api.openai.com"],
    ["API.OpenAI.com.:22", "api.openai.com"],
    ["api.anthropic.com", "*.anthropic.com"],
    ["a.b.anthropic.com", "*.anthropic.com"],
    ["203.0.113.110:22", "203.0.113.110"],
    ["[::ffff:203.0.113.110]", "203.0.113.110"],
    ["[2001:db8::1]:80", "[2001:db8::1]:80"],
    ["db.example.com:5432", "db.example.com:5432"],
  ] as const)
    assert.deepEqual([decide(some, host).allowed, decide(some, host).rule], [true, rule], host);
  for (const host of [
    "openai.com",
    "evil-api.openai.com",
    "api.openai.com.evil.com",
    "anthropic.com",
    "notanthropic.com",
    "203.0.113.111",
    "[2001:db8::1]:443",
    "[2001:db8::2]:80",
    "db.example.com:443",
    "deno.com",
    ...INNER,
  ])
    assert.equal(decide(some, host).allowed, false, host);
});

test("reasons say the host and why", () => {
  assert.deepEqual(decide(policy([]), "deno.com"), {
    allowed: false,
    rule: null,
    reason: "deno.com:443 is not in this sandbox's allowNet.",
  });
  assert.deepEqual(decide(policy(null, ["*.com"]), "DENO.com"), {
    allowed: false,
    rule: "*.com",
    reason: 'deno.com:443 is denied to this sandbox by "*.com".',
  });
  assert.deepEqual(decide(policy(["deno.com"]), "deno.com"), {
    allowed: true,
    rule: "deno.com",
    reason: "deno.com:443 is in this sandbox's allowNet.",
  });
  assert.equal(
    decide(policy(null), "169.254.169.254:80").reason,
    "169.254.169.254:80 is the address of a cloud metadata service, which is not reachable unless this sandbox's allowNet lists it.",
  );
  assert.equal(
    dial(policy(null), "203.0.113.7", 443, ["203.0.113.7"]).reason,
    "203.0.113.7:443 is one of the host's own addresses, which is not reachable unless this sandbox's allowNet lists it.",
  );
});

test("a denial wins over everything", () => {
  const some = policy(
    ["*.example.com", "203.0.113.0/24", "10.0.0.0/8"],
    ["bad.example.com", "*.evil.example.com:443", "203.0.113.7", "10.1.0.0/16:22"],
  );
  for (const host of [
    "bad.example.com:1",
    "a.evil.example.com",
    "203.0.113.7",
    "[64:ff9b::203.0.113.7]",
    "10.1.2.3:22",
  ])
    assert.equal(decide(some, host).allowed, false, host);
  for (const host of ["good.example.com", "a.evil.example.com:80", "evil.example.com", "203.0.113.8", "10.1.2.3:23"])
    assert.equal(decide(some, host).allowed, true, host);
  assert.equal(dial(some, "203.0.113.7").rule, "203.0.113.7");
  assert.equal(decide(policy(null, ["203.0.113.7"]), "[64:ff9b::203.0.113.7]").allowed, false);
});

test("an internal address passes only where an address or a range lists it", () => {
  for (const [patterns, host, allowed] of [
    [["127.0.0.1"], "127.0.0.1", true],
    [["127.0.0.1:8080"], "127.0.0.1:8080", true],
    [["127.0.0.1:8080"], "127.0.0.1:80", false],
    [["127.0.0.1"], "[::1]", false],
    [["127.0.0.0/8"], "127.1.2.3", true],
    [["10.0.0.0/8"], "10.1.2.3", true],
    [["10.0.0.0/8"], "[64:ff9b::10.1.2.3]", false],
    [["64:ff9b::/96"], "[64:ff9b::10.1.2.3]", false],
    [["[64:ff9b::a01:203]"], "[64:ff9b::10.1.2.3]", true],
    [["192.168.0.0/24"], "192.168.0.1", true],
    [["192.168.0.0/24"], "192.168.1.1", false],
    [["fd00::/8"], "[fd00::1]", true],
    [["0.0.0.0/0", "::/0"], "127.0.0.1", false],
    [["0.0.0.0/0", "::/0"], "[::1]", false],
    [["0.0.0.0/0", "::/0"], "[fd00::1]", false],
    [["0.0.0.0/0", "::/0"], "8.8.8.8", true],
    [["0.0.0.0/0", "::/0"], "[2001:db8::1]", true],
    [["0.0.0.0/0", "::/0"], "[4000::1]", false],
    [["8.0.0.0/6"], "10.0.0.1", false],
    [["169.254.0.0/16"], "169.254.1.1", true],
    [["169.254.0.0/16"], "169.254.169.254", false],
    [["169.254.169.254"], "169.254.169.254", true],
    [["169.254.169.254/32:80"], "169.254.169.254:80", true],
    [["fc00::/7"], "[fd00:ec2::254]", false],
  ] as const) {
    const some = policy([...patterns]);
    assert.equal(decide(some, host).allowed, allowed, `${patterns} for ${host}`);
    const { host: ref, port } = parseAuthority(host)!;
    if ("address" in ref)
      assert.equal(dial(some, ref.address.text, port ?? 443).allowed, allowed, `${patterns} for dialling ${host}`);
  }
});

test("a name that passed is not dialled at an internal address", () => {
  const some = policy(["rebind.example.com"]);
  assert.equal(decide(some, "rebind.example.com").allowed, true);
  assert.equal(dial(some, "203.0.113.1").allowed, true);
  for (const host of INNER) assert.equal(dial(some, host.replace(/[[\]]/g, "")).allowed, false, host);
});

test("the host's own addresses are not dialled unless they are listed", () => {
  const own = ["203.0.113.7", "10.0.0.5", "127.0.0.1", "2001:db8::7"];
  for (const address of own) assert.equal(dial(policy(null), address, 443, own).allowed, false, address);
  assert.equal(dial(policy(null), "64:ff9b::203.0.113.7", 443, own).allowed, false);
  assert.equal(dial(policy(null), "203.0.113.8", 443, own).allowed, true);
  for (const [pattern, address, allowed] of [
    ["203.0.113.7", "203.0.113.7", true],
    ["203.0.113.7/32", "203.0.113.7", true],
    ["203.0.113.0/24", "203.0.113.7", false],
    ["0.0.0.0/0", "203.0.113.7", false],
    ["10.0.0.5", "10.0.0.5", true],
    ["10.0.0.0/8", "10.0.0.5", false],
    ["10.0.0.0/8", "10.0.0.6", true],
    ["127.0.0.0/8", "127.0.0.1", true],
    ["2001:db8::7", "2001:db8::7", true],
  ] as const)
    assert.equal(dial(policy([pattern]), address, 443, own).allowed, allowed, `${pattern} for ${address}`);
});

test("what has no port that can be is denied", () => {
  for (const port of [0, -1, 65_536, 1.5, NaN, Infinity]) {
    assert.equal(policy(null).decide({ name: "example.com" }, port).allowed, false);
    assert.equal(policy(null).decideDial(parseAddress("8.8.8.8")!, port, () => false).allowed, false);
  }
});

test("request rules are found by host and port", () => {
  const rules = [
    { host: "*.example.com", methods: ["GET"] },
    { host: "api.example.com:443", paths: ["/v1/*"] },
    { host: "203.0.113.7" },
  ];
  const some = Policy.parse({ allow: null, deny: [], rules });
  assert.deepEqual(some.rulesFor({ name: "api.example.com" }, 443), rules.slice(0, 2));
  assert.deepEqual(some.rulesFor({ name: "api.example.com" }, 80), rules.slice(0, 1));
  assert.deepEqual(some.rulesFor(parseHost("[64:ff9b::203.0.113.7]")!, 80), rules.slice(2));
  assert.deepEqual(some.rulesFor({ name: "example.com" }, 443), []);
});

test("what cannot be a policy is refused, naming the pattern or the rule", () => {
  assert.throws(
    () => policy(["ok.example", "https://x"]),
    (error) => error instanceof PatternError && error.pattern === "https://x",
  );
  assert.throws(
    () => policy(null, ["*"]),
    (error) => error instanceof PatternError && error.pattern === "*",
  );
  assert.throws(
    () => Policy.parse({ allow: null, deny: [], rules: [{ host: "x.example" }, { host: "x y" }] }),
    (error) => error instanceof RuleError && error.index === 1,
  );
});

const anySpec: fc.Arbitrary<PolicySpec> = fc.record({
  allow: fc.option(fc.array(anyPattern, { maxLength: 5 })),
  deny: fc.array(anyPattern, { maxLength: 3 }),
  rules: fc.constant([]),
});

test("a denial always wins, and what passes a list is in it", () =>
  property(
    [anySpec, anyHost, anyPort],
    (spec, host, port) => {
      const of = Policy.parse(spec);
      const { allowed, reason, rule } = of.decide(host, port);
      assert.ok(reason.startsWith(authorityText(host, port)));
      if (spec.deny.some((text) => restricts(parsePattern(text), host, port))) assert.ok(!allowed);
      if (allowed && spec.allow) assert.ok(rule !== null && matches(parsePattern(rule), host, port));
      if (allowed && "address" in host) assert.deepEqual(of.decideDial(host.address, port, () => false).allowed, true);
    },
    { runs: 3000 },
  ));

test("no pattern of names, and none that is added for others, opens an internal address", () =>
  property(
    [anySpec, anyAddressText, anyPort],
    (spec, text, port) => {
      const address = parseAddress(text)!;
      const { allowed, rule } = Policy.parse(spec).decideDial(address, port, () => false);
      if (!allowed || isPublic(address)) return;
      const pattern = parsePattern(rule!);
      assert.ok(
        pattern.kind === "address" || (pattern.kind === "range" && !isPublic(pattern.base) && pattern.bits >= 4),
      );
      assert.ok(matches(pattern, { address }, port));
    },
    { runs: 3000 },
  ));

test("allowing more never takes anything away, denying more never gives anything", () =>
  property(
    [anySpec, anyPattern, anyHost, anyPort],
    (spec, text, host, port) => {
      const { allowed } = Policy.parse(spec).decide(host, port);
      if (allowed && spec.allow)
        assert.ok(Policy.parse({ ...spec, allow: [text, ...spec.allow] }).decide(host, port).allowed);
      if (!allowed) assert.ok(!Policy.parse({ ...spec, deny: [...spec.deny, text] }).decide(host, port).allowed);
    },
    { runs: 2000 },
  ));

test("any text that is a host is checked, never an error", () => {
  const policies = [policy(null), policy([]), policy(["*.com", "10.0.0.0/8", "::/0"], ["*.a.com", "0.0.0.0/0"])];
  return property(
    [
      fc.oneof(
        fc.string({ unit: "binary" }),
        fc.webAuthority({ withIPv4Extended: true, withIPv6: true, withPort: true }),
      ),
      fc.oneof(fc.integer(), fc.double()),
    ],
    (text, port) => {
      const host = parseAuthority(text)?.host;
      if (!host) return;
      for (const of of policies) {
        assert.equal(typeof of.decide(host, port).allowed, "boolean");
        if ("address" in host) assert.equal(typeof of.decideDial(host.address, port, () => false).allowed, "boolean");
      }
    },
    { runs: 3000 },
  );
});
