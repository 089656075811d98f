import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { type Header, pairs } from "@sandkeep/common/http";
import { Certificates, Lab, readAll } from "../../testing/lab.ts";
import { httpUpstream } from "../../testing/upstreams.ts";
import { withoutOverrides } from "./overrides.ts";

const METHOD_AND_PATH = [
  "X-HTTP-Method-Override",
  "X-Http-Method",
  "X_HTTP_METHOD_OVERRIDE",
  "X.Method.Override",
  "X-Original-URL",
  "X_Rewrite-Url",
  "X-Forwarded-Uri",
  "X-Forwarded-Prefix",
  "Destination",
];
const HOST = [
  "X-Forwarded-Host",
  "x_forwarded_host",
  "Forwarded",
  "X-Host",
  "X-Forwarded-Server",
  "X-Original-Host",
  "X-HTTP-Host-Override",
  "X-Forwarded-Port",
  "Proxy",
];
const HARMLESS = [
  "X-Forwarded-For",
  "X-Forwarded-Proto",
  "X-Real-IP",
  "Authorization",
  "Via",
  "Origin",
  "X-Requested-With",
  "Content-Length",
  "Content-Type",
  "X-Hosted-By",
];

test("what could make another request of one that was checked is left out, however its name is written", () => {
  const headers = [...METHOD_AND_PATH, ...HOST, ...HARMLESS].map((name): Header => [name, "evil"]);
  const names = (checked: Parameters<typeof withoutOverrides>[1]) =>
    withoutOverrides(headers, checked).map(([name]) => name);
  assert.deepEqual(names({ rules: false, host: false }), [...METHOD_AND_PATH, ...HOST, ...HARMLESS]);
  assert.deepEqual(names({ rules: false, host: true }), [...METHOD_AND_PATH, ...HARMLESS]);
  assert.deepEqual(names({ rules: true, host: true }), HARMLESS);
  assert.deepEqual(
    withoutOverrides(
      [
        ["Content_Length", "0"],
        ["transfer.encoding", "chunked"],
        ["Content-Length", "3"],
      ],
      { rules: false, host: false },
    ),
    [["Content-Length", "3"]],
  );
});

test("nor may trailers say so, of which some servers make headers", async () => {
  const dir = await mkdtemp(join(tmpdir(), "egress-ca-"));
  const certificates = await Certificates.make(dir);
  let got: string[] = [];
  await using web = await httpUpstream(async (request, response) => {
    for await (const _ of request);
    got = pairs(request.rawTrailers).map(([name]) => name);
    response.end("fine");
  });
  await using lab = await Lab.start(certificates, {
    hosts: { "web.test": web.port },
    policy: { rules: [{ host: "web.test" }] } as object,
  });
  const stream = await lab.open("web.test", 80);
  const trailers = [...METHOD_AND_PATH, ...HOST, "Range", "X-Ms-Range", "Host", "Authorization", "X-Checksum"];
  stream.write(
    `POST / HTTP/1.1\r\nHost: web.test\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n${trailers.map((name) => `${name}: 1\r\n`).join("")}\r\n`,
  );
  assert.match(await readAll(stream), /^HTTP\/1\.1 200/);
  assert.deepEqual(got, ["X-Checksum"]);
  await rm(dir, { recursive: true });
});

for (const [what, policy, secret, gone] of [
  ["an allow list", {}, false, HOST],
  ["request rules", { allow: null, rules: [{ host: "web.test" }] }, false, [...HOST, ...METHOD_AND_PATH]],
  ["a secret for the host", { allow: null }, true, HOST],
  ["nothing to decide", { allow: null }, false, []],
] as const) {
  test(`with ${what} the upstream gets ${gone.length} of these headers less`, async () => {
    const dir = await mkdtemp(join(tmpdir(), "egress-ca-"));
    const certificates = await Certificates.make(dir);
    let got: string[] = [];
    await using web = await httpUpstream((request, response) => {
      got = pairs(request.rawHeaders).map(([name]) => name);
      response.end("fine");
    });
    await using lab = await Lab.start(certificates, {
      hosts: { "web.test": web.port },
      policy: structuredClone(policy) as object,
      secrets: secret ? [{ name: "KEY", value: "a-secret-value", hosts: ["web.test"] }] : [],
    });
    const stream = await lab.open("web.test", 80);
    stream.write(
      `GET / HTTP/1.1\r\nHost: web.test\r\n${[...METHOD_AND_PATH, ...HOST].map((name) => `${name}: evil\r\n`).join("")}Connection: close\r\n\r\n`,
    );
    assert.match(await readAll(stream), /^HTTP\/1\.1 200/);
    assert.deepEqual([...METHOD_AND_PATH, ...HOST].filter((name) => !got.includes(name)).sort(), [...gone].sort());
    await rm(dir, { recursive: true });
  });
}
