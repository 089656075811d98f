/** docs/egress.md matches the code. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { matches, PatternError, parseAuthority, parsePattern, RuleBook } from "./policy/mod.ts";
import { loadHooks } from "./process/hooks-module.ts";
import { Certificates, Lab, readAll } from "./proxy/testing/lab.ts";
import { httpUpstream } from "./proxy/testing/upstreams.ts";

const page = await readFile(new URL("../../../docs/egress.md", import.meta.url), "utf8");

/** Rows of the table that begins with these words, as cells. */
function table(...header: string[]): string[][] {
  const lines = page.split("\n");
  const start = lines.indexOf(`| ${header.join(" | ")} |`);
  assert.ok(start >= 0, header.join());
  const rows = lines.slice(start + 2);
  const end = rows.findIndex((line) => !line.startsWith("|"));
  return rows.slice(0, end).map((line) =>
    line
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

/** What stands in backquotes. */
const codes = (cell: string) => Array.from(cell.matchAll(/`([^`]+)`/g), ([, text]) => text!);

describe("docs/egress.md", () => {
  test("its patterns match what it says", () => {
    const rows = table("pattern", "matches", "does not match");
    assert.ok(rows.length >= 8);
    for (const [pattern, fitting, others] of rows) {
      const parsed = parsePattern(codes(pattern!)[0]!);
      const fits = (text: string) => {
        const authority = parseAuthority(text);
        assert.ok(authority?.port, text);
        return matches(parsed, authority.host, authority.port);
      };
      for (const text of codes(fitting!)) assert.ok(fits(text), `${parsed.text} matches ${text}`);
      for (const text of codes(others!)) assert.ok(!fits(text), `${parsed.text} does not match ${text}`);
    }
  });

  test("what it says is rejected is, with that reason", () => {
    for (const [pattern, reason] of table("rejected", "reason")) {
      assert.throws(
        () => parsePattern(codes(pattern!)[0]!),
        (error) => error instanceof PatternError && (assert.equal(error.reason, reason), true),
      );
    }
  });

  test("its request rules answer as it says", () => {
    const rules = /```json\n(\[[^]*?\n\])\n```/.exec(page)![1]!;
    const book = new RuleBook(JSON.parse(rules) as []);
    const rows = table("request", "answer");
    assert.ok(rows.length >= 10);
    for (const [request, answer] of rows) {
      const [method, host, path, length = "0"] = codes(request!)[0]!.split(" ");
      const { status } = book.decide({ name: host! }, 443, method!, path!, Number(length));
      assert.equal(status === null ? "passes" : String(status), answer, request);
    }
  });

  test("its limits are those of the code", async () => {
    const rows = table("limit", "value", "constant");
    assert.ok(rows.length >= 15);
    for (const [, value, where] of rows) {
      const [name, file] = codes(where!);
      const source = await readFile(new URL(file!, import.meta.url), "utf8");
      const [, expression] = new RegExp(`const ${name} = ([^;]+);`).exec(source) ?? [];
      assert.match(expression ?? "", /^[\d_ *<()]+$/, `${name} in ${file}`);
      assert.equal(Function(`return ${expression}`)(), Number(value!.replaceAll(",", "")), name);
    }
  });

  test("its hooks are loaded, and do what it says", async () => {
    const dir = await mkdtemp(join(tmpdir(), "egress-docs-"));
    try {
      const code = Array.from(page.matchAll(/```ts\n([^]*?)```/g), ([, text]) => text!).find((text) =>
        text.includes("export default"),
      );
      const file = join(dir, "hooks.ts");
      await writeFile(file, code!);
      const hooks = await loadHooks(file);
      const certificates = await Certificates.make(dir);
      await using upstream = await httpUpstream(
        (request, response) => {
          response.writeHead(200, { server: "upstream", "x-seen": request.headers["x-sandbox"] ?? "" });
          response.end("hello");
        },
        { tls: await certificates.contextFor("api.example.com"), alpn: ["http/1.1"] },
      );
      await using lab = await Lab.start(certificates, { hosts: { "api.example.com": upstream.port }, hooks: hooks! });
      const ask = async (request: string) => {
        const tls = await lab.openTls("api.example.com", 443);
        tls.end(`${request} HTTP/1.1\r\nHost: api.example.com\r\nConnection: close\r\n\r\n`);
        return readAll(tls);
      };
      assert.match(await ask("DELETE /v1/models"), /^HTTP\/1\.1 403 [^]*sandkeep: Nothing is deleted from a sandbox\./);
      assert.match(await ask("GET /v1/limits"), /^HTTP\/1\.1 200 [^]*\{"limit":100\}/);
      assert.equal(upstream.received(), "");
      const answer = await ask("GET /v1/models");
      assert.match(answer, /x-seen: sandbox\r\n[^]*hello/);
      assert.doesNotMatch(answer, /server: upstream/);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });
});
