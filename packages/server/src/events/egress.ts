import type { EgressEvent } from "@sandkeep/egress";
import type { EgressActivity, Outcome } from "@sandkeep/protocol";

/** What a sandbox can make long is cut to so many characters: a path, a name, a reason. */
const TEXT_LENGTH = 2_048;
/** Names in one event, of query parameters for instance; the rest are left out. */
const NAMES = 64;

const OUTCOME: Record<EgressEvent["verdict"], Outcome> = { allowed: "ok", denied: "denied", failed: "failed" };

/** What the proxy saw, as an event: field by field, and each of bounded size, because much of it is the sandbox's own words. */
export function egressActivity(event: EgressEvent): EgressActivity {
  const outcome = OUTCOME[event.verdict];
  const common = {
    at: event.at,
    durationMs: event.durationMs,
    verdict: event.verdict,
    rule: textOrNull(event.rule),
    reason: textOrNull(event.reason),
    process: event.process && { pid: event.process.pid, name: text(event.process.name) },
  };
  switch (event.kind) {
    case "http": {
      const { protocol, scheme, port, status, bytesUp, bytesDown } = event;
      return {
        kind: "http",
        outcome,
        data: {
          ...common,
          protocol, scheme, method: text(event.method), host: text(event.host), port, path: text(event.path), query: names(event.query), status, bytesUp, bytesDown,
          secrets: names(event.secrets), placeholders: names(event.placeholders), address: textOrNull(event.address),
        },
      };
    }
    case "connection": {
      const { protocol, port, bytesUp, bytesDown } = event;
      return { kind: "connection", outcome, data: { ...common, protocol, host: text(event.host), port, address: textOrNull(event.address), bytesUp, bytesDown } };
    }
    case "dns":
      return { kind: "dns", outcome, data: { ...common, name: text(event.name), type: text(event.type) } };
  }
}

const text = (value: string) => (value.length <= TEXT_LENGTH ? value : `${value.slice(0, TEXT_LENGTH)}…`);
const textOrNull = (value: string | null) => (value === null ? null : text(value));
const names = (values: string[]) => values.slice(0, NAMES).map(text);
