import { createHash } from "node:crypto";
import { ACCESS } from "../scopes.ts";
import type { OpenApi } from "./document.ts";
import { TAGS } from "./operation.ts";
import type { JsonSchema } from "./schemas.ts";

interface Described {
  operationId: string;
  tags: string[];
  summary: string;
  description: string;
  parameters: { name: string; in: string; required: boolean; schema: JsonSchema; description?: string }[];
  requestBody?: { content: Record<string, { schema: JsonSchema; example?: unknown }> };
  responses: Record<string, { description: string; content?: Record<string, { schema?: JsonSchema }> }>;
}

const STYLE = `
:root { color-scheme: light dark; --text: light-dark(#1b1f24, #e6e8eb); --soft: light-dark(#59636e, #9aa4af);
  --back: light-dark(#fff, #14171b); --card: light-dark(#f6f8fa, #1d2126); --line: light-dark(#d1d9e0, #343a41);
  --accent: light-dark(#0550ae, #79b8ff) }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 60rem; padding: 1rem 1rem 4rem; color: var(--text); background: var(--back);
  font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere }
a { color: var(--accent) }
nav { display: flex; flex-wrap: wrap; gap: .25rem 1rem }
h2 { margin: 2.5rem 0 .25rem }
code, pre { font: .875em/1.5 ui-monospace, monospace }
pre { overflow-x: auto; padding: .75rem; border: 1px solid var(--line); border-radius: .375rem; background: var(--back) }
details { margin: .5rem 0; border: 1px solid var(--line); border-radius: .375rem; background: var(--card) }
summary { padding: .5rem .75rem; cursor: pointer }
summary b { display: inline-block; min-width: 4.5em; font-family: ui-monospace, monospace; color: var(--accent) }
summary span { color: var(--soft) }
details > div { padding: 0 .75rem .5rem }
table { width: 100%; border-collapse: collapse }
td, th { padding: .25rem .5rem .25rem 0; border-top: 1px solid var(--line); text-align: left; vertical-align: top }
p.soft { color: var(--soft); margin: .25rem 0 }
`;

/** Content security policy: the page may load nothing but its own style. */
export const PAGE_POLICY = `default-src 'none'; style-src 'sha256-${createHash("sha256").update(STYLE).digest("base64")}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

/** The API document as a readable HTML page that loads nothing else. */
export function apiPage(document: OpenApi): string {
  const operations = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, described]) => ({
      method: method.toUpperCase(),
      path,
      operation: described as unknown as Described,
    })),
  );
  const sections = Object.entries(TAGS).map(([tag, description]) => {
    const rows = operations.filter(({ operation }) => operation.tags.includes(tag)).map(card);
    return `<section id="${tag}"><h2>${tag}</h2><p class="soft">${prose(description)}</p>${rows.join("")}</section>`;
  });
  const links = Object.keys(TAGS).map((tag) => `<a href="#${tag}">${tag}</a>`);
  const types = Object.entries(document.components.schemas).map(
    ([name, schema]) =>
      `<details id="schema-${name}"><summary><b>${name}</b></summary><div>${code(schema)}</div></details>`,
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sandkeep API</title>
<style>${STYLE}</style>
</head>
<body>
<h1>Sandkeep API <small>${escaped(String(document.info.version))}</small></h1>
<p>Send <code>Authorization: Bearer ddo_…</code> with every request. For programs: <a href="openapi.json">openapi.json</a>
(OpenAPI 3.1), and <a href="rpc.json">rpc.json</a> for the methods of a connection.</p>
<nav>${links.join(" ")} <a href="#Schemas">Schemas</a></nav>
${sections.join("\n")}
<section id="Schemas"><h2>Schemas</h2>${types.join("\n")}</section>
</body>
</html>
`;
}

function card({ method, path, operation }: { method: string; path: string; operation: Described }): string {
  const { operationId, summary, description, parameters, requestBody, responses } = operation;
  const scope = ACCESS[`${method} ${path.replace(/\{(\w+)\}/g, ":$1")}`]?.scope ?? "no token";
  const body = requestBody?.content["application/json"];
  return `<details id="${operationId}"><summary><b>${method}</b> <code>${escaped(path)}</code>
<span>${prose(summary)} · ${scope}</span></summary><div>
<p>${prose(description)}</p>
${parameters.length === 0 ? "" : `<h4>Parameters</h4><table>${parameters.map(parameterRow).join("")}</table>`}
${body ? `<h4>Body</h4>${body.example === undefined ? "" : code(body.example)}${schemaOf(body.schema)}` : ""}
<h4>Answers</h4><table>${Object.entries(responses).map(answerRow).join("")}</table>
</div></details>`;
}

function parameterRow({ name, in: place, required, schema, description }: Described["parameters"][number]): string {
  const { type, enum: values, default: absent } = schema;
  const kind = Array.isArray(values) ? values.join(" | ") : String(type ?? "");
  return `<tr><td><code>${escaped(name)}</code></td><td>${place}${required ? ", required" : ""}</td><td>${escaped(kind)}${
    absent === undefined ? "" : `, default ${escaped(String(absent))}`
  } ${prose(description ?? "")}</td></tr>`;
}

function answerRow([status, { description, content = {} }]: [string, Described["responses"][string]]): string {
  const bodies = Object.entries(content).map(([type, { schema }]) =>
    schema ? (Number(status) < 400 ? schemaOf(schema) : "") : `<code>${escaped(type)}</code>`,
  );
  return `<tr><th>${status}</th><td>${description.split("\n\n").map(prose).join("<br>")} ${bodies.join(" ")}</td></tr>`;
}

/** A named schema is a link. */
function schemaOf(schema: JsonSchema): string {
  const items = schema.items as JsonSchema | undefined;
  const reference = schema.$ref ?? items?.$ref;
  if (typeof reference !== "string") return code(schema);
  const name = reference.slice(reference.lastIndexOf("/") + 1);
  return `<a href="#schema-${name}">${name}</a>${items ? " [ ]" : ""}`;
}

function code(value: unknown): string {
  return `<pre>${escaped(JSON.stringify(value, null, 2))}</pre>`;
}

/** Text with \`code\` in it. */
function prose(text: string): string {
  return escaped(text).replace(/`([^`]+)`/g, "<code>$1</code>");
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
