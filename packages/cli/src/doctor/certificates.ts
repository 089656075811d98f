import type { ServerInfo } from "@sandkeep/protocol";
import type { Finding } from "./check.ts";

type Certificate = NonNullable<ServerInfo["certificates"]>[number];

const DAY_MS = 24 * 60 * 60_000;
/** Everything is renewed earlier than this before it expires, days. */
const WARN_DAYS = 7;

const SOURCE: Record<Certificate["source"], string> = {
  "local-ca": "by the local CA",
  files: "from files",
  acme: "by ACME",
};

/** How long the certificates of the running server are valid, and what went wrong with them. */
export function findCertificates(certificates: readonly Certificate[], now = Date.now()): Finding[] {
  return certificates.map(({ source, names, expiresAt, problem }) => {
    const name = "certificate";
    const what = `${names.slice(0, 3).join(", ")}${names.length > 3 ? ` and ${names.length - 3} more` : ""} (${SOURCE[source]})`;
    const why = problem === null ? "" : `: ${problem}`;
    const repair = "see docs/configuration.md#tls and the server's log";
    if (expiresAt === null) return { name, verdict: "fail", detail: `${what}: there is none yet${why}`, repair };
    const days = Math.floor((Date.parse(expiresAt) - now) / DAY_MS);
    if (days < 0) return { name, verdict: "fail", detail: `${what} expired on ${expiresAt}${why}`, repair };
    const detail = `${what} is valid until ${expiresAt.slice(0, 10)} (${days} days)`;
    if (problem !== null) return { name, verdict: "warn", detail: `${detail}, and could not be renewed${why}`, repair };
    return days < WARN_DAYS ? { name, verdict: "warn", detail, repair } : { name, verdict: "ok", detail };
  });
}
