import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { decodeConfig } from "./config.ts";
import { ApiError } from "./errors.ts";

/** As JavaScript's client does it. */
const javascript = (value: unknown) => btoa(JSON.stringify(value));
/** As Python's client does it: everything beyond ASCII is escaped. */
const python = (value: unknown) =>
  Buffer.from(
    JSON.stringify(value).replace(/[\u0080-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`),
  ).toString("base64");

const refused = (header: string | undefined, code: string, message: RegExp) =>
  assert.throws(
    () => decodeConfig(header),
    (error: unknown) => {
      assert.ok(error instanceof ApiError);
      assert.equal(error.code, code);
      assert.match(error.message, message);
      return true;
    },
  );

describe("the configuration header", () => {
  test("in JavaScript's dialect", () => {
    assert.deepEqual(
      decodeConfig(
        javascript({
          memory_mb: 2048,
          stop_at_ms: 1_700_000_000_000,
          labels: { job: "42" },
          volumes: [],
          allow_net: [],
          secrets: { KEY: { hosts: ["a.example"], value: "v" } },
        }),
      ),
      {
        memoryMiB: 2048,
        lifetime: { kind: "until", stopAtMs: 1_700_000_000_000 },
        onIdle: "end",
        idleMs: null,
        labels: { job: "42" },
        root: null,
        volumes: [],
        allowNet: [],
        egress: { deny: [], rules: [] },
        secrets: { KEY: { hosts: ["a.example"], value: "v", in: [] } },
        env: {},
        expose: { ssh: false, port: null },
      },
    );
  });

  test("in Python's dialect", () => {
    assert.deepEqual(
      decodeConfig(
        python({
          memory_mb: 1280,
          debug: false,
          region: "ord",
          timeout: "5m",
          env: { NAME: "日本" },
          volumes: { "/data": "vol" },
          ssh: true,
          port: 80,
        }),
      ),
      {
        memoryMiB: 1280,
        lifetime: { kind: "for", ms: 300_000 },
        onIdle: "end",
        idleMs: null,
        labels: {},
        root: null,
        volumes: [{ volume: "vol", path: "/data", readOnly: false }],
        allowNet: null,
        egress: { deny: [], rules: [] },
        secrets: {},
        env: { NAME: "日本" },
        expose: { ssh: true, port: 80 },
      },
    );
  });

  test("keeps the Latin-1 that btoa makes", () => {
    assert.deepEqual(decodeConfig(javascript({ labels: { é: "ÿ" } })).labels, { é: "ÿ" });
  });

  test("takes null for absent and ignores unknown keys", () => {
    const config = decodeConfig(
      javascript({
        memory_mb: null,
        stop_at_ms: null,
        timeout: null,
        labels: null,
        root: null,
        volumes: null,
        allow_net: null,
        secrets: null,
        env: null,
        future: { a: 1 },
      }),
    );
    assert.equal(config.memoryMiB, 1280);
    assert.deepEqual(config.lifetime, { kind: "session" });
  });

  test("refuses garbage", () => {
    refused(undefined, "INVALID_CONFIG", /missing/);
    refused("", "INVALID_CONFIG", /does not contain JSON/);
    refused("%%%", "INVALID_CONFIG", /not base64/);
    refused("abc", "INVALID_CONFIG", /not base64/);
    refused(btoa("{"), "INVALID_CONFIG", /does not contain JSON/);
    refused(btoa("[]"), "INVALID_CONFIG", /expected object/);
    refused(btoa("null"), "INVALID_CONFIG", /expected object/);
    refused(Buffer.alloc(200_000, "a").toString("base64"), "INVALID_CONFIG", /larger than/);
  });

  test("names the option that is wrong, and never shows a value", () => {
    refused(javascript({ memory_mb: 64 }), "INVALID_CONFIG", /memory_mb/);
    refused(javascript({ memory_mb: 5000 }), "INVALID_CONFIG", /memory_mb/);
    refused(javascript({ memory_mb: 1280.5 }), "INVALID_CONFIG", /memory_mb/);
    refused(javascript({ labels: { a: 1 } }), "INVALID_CONFIG", /labels\.a/);
    refused(javascript({ allow_net: "example.com" }), "INVALID_CONFIG", /allow_net/);
    refused(javascript({ secrets: { KEY: { hosts: [], value: "v" } } }), "INVALID_CONFIG", /secrets\.KEY\.hosts/);
    refused(javascript({ env: { "A=B": "x" } }), "INVALID_CONFIG", /env/);
    refused(javascript({ env: { A: "x\0y" } }), "INVALID_CONFIG", /NUL/);
    refused(javascript({ env: { A: "1" }, secrets: { A: { hosts: ["h"], value: "2" } } }), "INVALID_CONFIG", /both/);
    assert.throws(
      () => decodeConfig(javascript({ secrets: { KEY: "hunter2" } })),
      (error: Error) => !error.message.includes("hunter2"),
    );
  });

  test("has Sandkeep's own additions, which the official clients do not send", () => {
    const rule = {
      host: "api.example",
      methods: ["GET"],
      paths: ["/v1/**"],
      websocket: true,
      maxRequestBytes: 0,
      requestsPerMinute: 60,
    };
    const config = decodeConfig(
      javascript({
        egress: { deny: ["b.example"], rules: [rule] },
        secrets: { KEY: { hosts: ["a.example"], value: "v", in: ["body"] } },
      }),
    );
    assert.deepEqual(config.egress, { deny: ["b.example"], rules: [rule] });
    assert.deepEqual(config.secrets, { KEY: { hosts: ["a.example"], value: "v", in: ["body"] } });
    refused(
      javascript({ egress: { rules: [{ host: "a", methods: ["get"] }] } }),
      "INVALID_CONFIG",
      /egress\.rules\.0\.methods.*upper case/,
    );
    refused(javascript({ egress: { rules: [{ host: "a", paths: ["v1"] }] } }), "INVALID_CONFIG", /start with \//);
    refused(javascript({ egress: { rules: [{ host: "a", method: "GET" }] } }), "INVALID_CONFIG", /Unrecognized key/);
    const formed = decodeConfig(
      python({
        secrets: {
          KEY: { hosts: ["a.example"], value: "v", placeholder: "sk-…" },
          OTHER: { hosts: ["a.example"], value: "v", placeholder: null },
        },
      }),
    );
    assert.deepEqual(formed.secrets, {
      KEY: { hosts: ["a.example"], value: "v", in: [], placeholder: "sk-…" },
      OTHER: { hosts: ["a.example"], value: "v", in: [] },
    });
    refused(
      javascript({ secrets: { KEY: { hosts: ["a"], value: "v", placeholder: "x".repeat(257) } } }),
      "INVALID_CONFIG",
      /secrets\.KEY\.placeholder/,
    );
    refused(
      javascript({ secrets: { KEY: { hosts: ["a"], value: "v", in: ["path"] } } }),
      "INVALID_CONFIG",
      /secrets\.KEY\.in/,
    );
  });

  test("bounds secrets, and refuses values that would not survive a header", () => {
    const secret = (value: string) => javascript({ secrets: { KEY: { hosts: ["a.example"], value } } });
    assert.ok(decodeConfig(secret("v".repeat(16 * 1024))));
    refused(secret("v".repeat(16 * 1024 + 1)), "INVALID_CONFIG", /at most 16384 bytes/);
    refused(secret(""), "INVALID_CONFIG", /not be empty/);
    for (const value of ["a\nb", "a\rb", "a\0b", "a\x7fb"]) refused(secret(value), "INVALID_CONFIG", /line breaks/);
    refused(btoa('{"secrets":{"KEY":{"hosts":["a"],"value":"\\ud800"}}}'), "INVALID_CONFIG", /Unicode/);
    const many = (count: number) =>
      javascript({
        secrets: Object.fromEntries(
          Array.from({ length: count }, (_, i) => [`KEY_${i}`, { hosts: ["a"], value: "v" }]),
        ),
      });
    assert.ok(decodeConfig(many(64)));
    refused(many(65), "INVALID_CONFIG", /at most 64 secrets/);
  });

  test("bounds labels by number and bytes", () => {
    assert.ok(decodeConfig(javascript({ labels: { ["k".repeat(64)]: "v".repeat(128) } })));
    refused(javascript({ labels: { ["k".repeat(65)]: "v" } }), "INVALID_CONFIG", /64 bytes/);
    refused(javascript({ labels: { k: "v".repeat(129) } }), "INVALID_CONFIG", /128 bytes/);
    refused(javascript({ labels: { k: "é".repeat(65) } }), "INVALID_CONFIG", /128 bytes/);
    refused(javascript({ labels: { a: "", b: "", c: "", d: "", e: "", f: "" } }), "INVALID_CONFIG", /at most 5/);
  });

  test("refuses timeouts that are not durations", () => {
    for (const timeout of ["5", "5d", "-5m", "0s", "m", "", "5 m"])
      refused(javascript({ timeout }), "INVALID_TIMEOUT", /not a duration/);
  });

  test("a key named __proto__ changes nothing", () => {
    const config = decodeConfig(btoa('{"env":{"__proto__":"x"},"labels":{"__proto__":"y"}}'));
    assert.equal(Object.getPrototypeOf(config.env), Object.prototype);
    assert.equal(({} as Record<string, unknown>).x, undefined);
  });
});
