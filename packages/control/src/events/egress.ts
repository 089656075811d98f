import type { EgressEvent } from "@sandkeep/egress";
import type { EgressActivity, Outcome } from "@sandkeep/protocol";

/**
 * Text that a sandbox controls (a path, a name, a reason) is cut to this many characters, so an event has a few KiB at
 * most.
 */
const TEXT_LENGTH = 1_024;
/** Names of query parameters in one event, and characters of each; the rest are left out. */
const NAMES = 32;
const NAME_LENGTH = 64;

const OUTCOME: Record<EgressEvent["verdict"], Outcome> = { allowed: "ok", denied: "denied", failed: "failed" };

/**
 * Converts what the proxy reports to an event: field by field, each of limited size, because the sandbox controls much
 * of the text.
 */
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
          protocol,
          scheme,
          method: text(event.method),
          host: text(event.host),
          port,
          path: text(event.path),
          query: event.query.slice(0, NAMES).map((name) => text(name, NAME_LENGTH)),
          status,
          bytesUp,
          bytesDown,
          secrets: event.secrets,
          placeholders: event.placeholders,
          address: textOrNull(event.address),
        },
      };
    }
    case "connection": {
      const { protocol, port, bytesUp, bytesDown } = event;
      return {
        kind: "connection",
        outcome,
        data: {
          ...common,
          protocol,
          host: text(event.host),
          port,
          address: textOrNull(event.address),
          bytesUp,
          bytesDown,
        },
      };
    }
    case "dns":
      return { kind: "dns", outcome, data: { ...common, name: text(event.name), type: text(event.type) } };
  }
}

const text = (value: string, length = TEXT_LENGTH) => (value.length <= length ? value : `${value.slice(0, length)}…`);
const textOrNull = (value: string | null) => (value === null ? null : text(value));
