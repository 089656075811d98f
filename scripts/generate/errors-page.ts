import { ERRORS, type ErrorEntry } from "@sandkeep/protocol";

/** Generates docs/errors.md from the catalogue of errors. */
export function errorsPage(): string {
  const rows = Object.entries(ERRORS as Record<string, ErrorEntry>)
    .sort(([a, x], [b, y]) => x.status - y.status || a.localeCompare(b))
    .map(([code, { status, summary, remedy }]) => `| \`${code}\` | ${status} | ${summary} | ${remedy} |`);
  return `# Errors

When the server refuses a REST request or a WebSocket upgrade, it answers with JSON. Programs check \`code\`, which does not
change; people read \`message\`, which says what happened and what to do next:

\`\`\`json
{"code":"CONCURRENCY_LIMIT","message":"The organisation already has 100 sandboxes; its limit is 100. End one with …"}
\`\`\`

The header \`x-deno-trace-id\` identifies the request in the server's log. When the SDK or the official JavaScript client
creates a sandbox or connects to one, it throws \`InvalidTokenError\` for \`INVALID_TOKEN\` and
\`ConnectionEstablishmentError\` for the other codes. For everything else it throws \`ApiError\`.

This list does not include what goes wrong *inside* a sandbox, such as a missing file or a command that cannot start. Those
errors arrive over the connection as Deno's error classes.

| code | status | what happened | what to do |
| --- | --- | --- | --- |
${rows.join("\n")}

This page is generated from the catalogue in \`packages/protocol/src/errors.ts\`.
`;
}
