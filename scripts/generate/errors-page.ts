/** Writes `docs/errors.md` from the catalogue: `node --conditions=sandkeep-source scripts/generate/errors-page.ts`. */
import { writeFile } from "node:fs/promises";
import { ERRORS, type ErrorEntry } from "@sandkeep/protocol";

export const ERRORS_PAGE = new URL("../../docs/errors.md", import.meta.url);

/** The page, as Markdown. */
export function errorsPage(): string {
  const rows = Object.entries(ERRORS as Record<string, ErrorEntry>)
    .sort(([a, x], [b, y]) => x.status - y.status || a.localeCompare(b))
    .map(([code, { status, summary, remedy }]) => `| \`${code}\` | ${status} | ${summary} | ${remedy} |`);
  return `# Errors

Every refusal of the server, REST or WebSocket upgrade, is JSON with a \`code\` that programs can rely on and a \`message\` for
people, which says what happened and what to do:

\`\`\`json
{"code":"CONCURRENCY_LIMIT","message":"The organisation already has 100 sandboxes, and may have 100 at once. End one with …"}
\`\`\`

The header \`x-deno-trace-id\` names the request in the server's log. The official clients raise these as
\`ConnectionEstablishmentError\` (creating and connecting) and \`ApiError\` (everything else); \`INVALID_TOKEN\` becomes
\`InvalidTokenError\`. What happens *in* a sandbox (a missing file, a process that cannot start) is not in this list: it comes
over the connection as Deno's own error classes.

| code | status | what happened | what to do |
| --- | --- | --- | --- |
${rows.join("\n")}

This page is written from the catalogue in \`packages/protocol/src/errors.ts\`.
`;
}

if (import.meta.main) await writeFile(ERRORS_PAGE, errorsPage());
