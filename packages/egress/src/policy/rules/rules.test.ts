import assert from "node:assert/strict";
import { test } from "node:test";
import { parseRules, RuleError } from "./rules.ts";

test("a rule says itself in a line", () => {
  const [plain, full] = parseRules([
    { host: "API.example.com" },
    {
      host: "*.example.com:443",
      methods: ["GET", "HEAD"],
      paths: ["/v1/*", "/v2/**"],
      websocket: true,
      maxRequestBytes: 1000,
      requestsPerMinute: 60,
    },
  ]);
  assert.equal(plain?.text, "api.example.com");
  assert.equal(full?.text, "GET,HEAD *.example.com:443 /v1/*,/v2/** websocket ≤1000 B ≤60/min");
});

for (const [spec, message] of [
  [null, /^Request rule 2 is not valid: /],
  [{}, /^Request rule 2 is not valid: host: /],
  [
    { host: "https://x.com" },
    /^Request rule 2 \("https:\/\/x.com"\) is not valid: host: The pattern "https:\/\/x.com" is not valid: it is a URL; write only the host, such as "x.com"\.$/,
  ],
  [
    { host: "x.com", methods: ["get"] },
    /^Request rule 2 \("x.com"\) is not valid: methods\.0: a method must be in upper case, such as GET$/,
  ],
  [{ host: "x.com", methods: [] }, /methods: /],
  [
    { host: "x.com", paths: ["v1/*"] },
    /paths\.0: The path pattern "v1\/\*" is not valid: it does not start with "\/"\.$/,
  ],
  [{ host: "x.com", websocket: "yes" }, /websocket: /],
  [{ host: "x.com", maxRequestBytes: -1 }, /maxRequestBytes: /],
  [{ host: "x.com", maxRequestBytes: 1.5 }, /maxRequestBytes: /],
  [{ host: "x.com", requestsPerMinute: 0 }, /requestsPerMinute: /],
  [{ host: "x.com", requestPerMinute: 5 }, /requestPerMinute/],
] as const) {
  test(`${JSON.stringify(spec)} is refused, and the error names the rule`, () => {
    assert.throws(
      () => parseRules([{ host: "good.example" }, spec]),
      (error) => {
        assert.ok(error instanceof RuleError);
        assert.equal(error.index, 1);
        assert.match(error.message, message);
        return true;
      },
    );
  });
}
