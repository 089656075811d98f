import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { eventSchema, stopReasonSchema } from "@sandkeep/protocol";
import { parseConfig } from "./config/load.ts";
import { createApp } from "./http/app.ts";
import type { Services } from "./http/env.ts";
import { ACCESS } from "./http/scopes.ts";

const page = (name: string) => readFile(new URL(`../../../docs/${name}.md`, import.meta.url), "utf8");
/** A path, as the page writes it. */
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

test("docs/events.md has every kind, docs/lifecycle.md every reason", async () => {
  const kinds = eventSchema.def.right.def.options.flatMap((union) =>
    union.def.options.map((option) => option.shape.kind.value),
  );
  assert.ok(kinds.length >= 10);
  const events = await page("events");
  for (const kind of kinds) assert.ok(events.includes(`\`${kind}\``), kind);
  const lifecycle = await page("lifecycle");
  for (const reason of stopReasonSchema.options) assert.ok(lifecycle.includes(`\`${reason}\``), reason);
});
