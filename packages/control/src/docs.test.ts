import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { eventSchema, stopReasonSchema } from "@sandkeep/protocol";
import { parseConfig } from "./config/load.ts";
import { createApp } from "./http/app.ts";
import type { Services } from "./http/env.ts";
import { ACCESS } from "./http/scopes.ts";

const page = (name: string) => readFile(new URL(`../../../docs/${name}.md`, import.meta.url), "utf8");
/** A path in the page's notation. */
const written = (path: string) => path.replaceAll(/:(\w+)(\{.*\})?/g, "{$1}");

test("docs/api.md has every path", async () => {
  const text = await page("api");
  const app = createApp({ config: parseConfig({}) } as Services);
  const paths = new Set(
    app.routes.map(({ path }) => path).filter((path) => path.startsWith("/api/") && !path.endsWith("/*")),
  );
  assert.ok(paths.size > 15);
  for (const path of paths) assert.ok(text.includes(written(path)), path);
});

test("docs/api.md has the scope of every route", async () => {
  const rows = (await page("api")).split("\n").filter((line) => line.startsWith("| `"));
  for (const [route, { scope }] of Object.entries(ACCESS)) {
    if (route.startsWith("ALL ")) continue;
    const row = rows.find((line) => line.split("|")[1]?.includes(`\`${written(route).replace("TRPC ", "")}\``));
    assert.equal(row?.split("|")[2]?.trim(), scope === null ? "–" : `\`${scope}\``, route);
  }
});

test("docs/configuration.md has every key with its default", async () => {
  const text = await page("configuration");
  const config = parseConfig({}) as unknown as Record<string, unknown>;
  const check = (prefix: string, values: Record<string, unknown>) => {
    for (const [key, value] of Object.entries(values)) {
      if (typeof value === "object" && value !== null && !Array.isArray(value) && Object.keys(value).length > 0) {
        check(`${prefix}${key}.`, value as Record<string, unknown>);
        continue;
      }
      const row = text.split("\n").find((line) => line.startsWith(`| \`${prefix}${key}\` |`));
      assert.ok(row, `${prefix}${key}`);
      if (typeof value === "number") assert.ok(row.includes(String(value)), row);
    }
  };
  check("", config);
});

test("docs/events.md has exactly the fields of every kind", async () => {
  const [kinds, egressFields, egressKinds] = (await page("events"))
    .split(/^\| (?:kind|field) \|.*$/m)
    .slice(1)
    .map(rowsOf) as [Rows, Rows, Rows];
  const everyEgress = egressFields.flatMap(([fields]) => fields);
  const documented: Record<string, string[]> = {};
  for (const [names, fields] of kinds) for (const name of names) (documented[name] ??= []).push(...fields);
  for (const [names, fields] of egressKinds) for (const name of names) documented[name] = [...everyEgress, ...fields];
  // One row has both, and says itself that only the first has a scope.
  documented["token.revoked"] = documented["token.revoked"]!.filter((field) => field !== "scope");

  const actual: Record<string, string[]> = {};
  for (const union of eventSchema.def.right.def.options)
    for (const { shape } of union.def.options) actual[shape.kind.value] = Object.keys(shape.data.shape);
  const sorted = (all: Record<string, string[]>) =>
    Object.fromEntries(Object.entries(all).map(([kind, fields]) => [kind, fields.toSorted()]));
  assert.deepEqual(sorted(documented), sorted(actual));
});

/** Rows of a table, each with the codes in its first and second cells, without text in parentheses. */
type Rows = [string[], string[]][];
function rowsOf(table: string): Rows {
  const code = (cell: string) => [...cell.replaceAll(/\(.*?\)/g, "").matchAll(/`([^`]+)`/g)].map(([, name]) => name!);
  const lines = table
    .split("\n\n")[0]!
    .split("\n")
    .filter((line) => line.startsWith("| `"));
  return lines.map((line) => {
    const [, first, second] = line.split("|");
    return [code(first!), code(second!)];
  });
}

test("docs/lifecycle.md has every reason why a sandbox ended", async () => {
  const lifecycle = await page("lifecycle");
  for (const reason of stopReasonSchema.options) assert.ok(lifecycle.includes(`\`${reason}\``), reason);
});
