import { type ApiError, ERRORS, type ErrorCode } from "@sandkeep/protocol";
import { NotWoken } from "../contract.ts";

/** The time after which a server that does not listen yet may do so, seconds. */
const LISTENING_AFTER_S = 2;

const TITLES: Partial<Record<ErrorCode, string>> = {
  DOOR_NOT_LISTENING: "Nothing is listening here yet",
  DOOR_NOT_FOUND: "There is nothing here",
  DOOR_TOKEN_REQUIRED: "This page is private",
  DOOR_BAD_ANSWER: "The server behind this page failed",
  DOOR_TIMEOUT: "The server behind this page is silent",
  DOOR_PAUSED: "This sandbox is paused",
  DOOR_NOT_WOKEN: "This sandbox is asleep",
};

/** When it is worth trying again, seconds; null if it does not pass by itself. */
export function retryAfterS(error: ApiError): number | null {
  if (error instanceof NotWoken) return error.retryAfterS;
  return error.code === "DOOR_NOT_LISTENING" ? LISTENING_AFTER_S : null;
}

/** A page that says why there is no answer, and what to do. Reloads itself if that may help. */
export function errorPage(error: ApiError): string {
  const { remedy } = ERRORS[error.code];
  const what = error.message.endsWith(remedy) ? error.message.slice(0, -remedy.length) : error.message;
  const title = TITLES[error.code] ?? "This request cannot be served";
  const reload = retryAfterS(error);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
${reload ? `<meta http-equiv="refresh" content="${reload}">\n` : ""}<title>${title}</title>
<style>
  :root { color-scheme: light dark; font: 16px/1.6 system-ui, sans-serif; }
  body { max-width: 34rem; margin: 18vh auto 0; padding: 0 1.5rem; }
  h1 { font-size: 1.5rem; font-weight: 600; }
  code, small { font-family: ui-monospace, monospace; opacity: .7; }
</style>
</head>
<body>
<h1>${title}</h1>
<p>${escaped(what)}</p>
<p>${escaped(remedy)}</p>
${reload ? "<p>This page reloads by itself.</p>\n" : ""}<small>${error.status} ${error.code}</small>
</body>
</html>
`;
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
