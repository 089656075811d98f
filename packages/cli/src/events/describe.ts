import type { SandboxEvent } from "@sandkeep/protocol";
import { type Colours, printable } from "../output/colour.ts";
import { formatBytes } from "../values/bytes.ts";
import { formatDuration } from "../values/duration.ts";

/** One human-readable line about an event: when, which sandbox, what, the outcome, who. */
export function describeEvent(event: SandboxEvent, colour: Colours): string {
  const mark =
    event.outcome === "ok" ? colour.green("✔") : event.outcome === "denied" ? colour.yellow("⊘") : colour.red("✘");
  const time = event.time.replace("T", " ").replace(/\.\d+Z$/, "Z");
  const what = [event.kind, details(event)].filter(Boolean).join(" ");
  return `${colour.dim(time)} ${mark} ${event.sandbox ? `${colour.cyan(event.sandbox)} ` : ""}${printable(what)}${colour.dim(printable(` (${actor(event)})`))}`;
}

function actor({ actor }: SandboxEvent): string {
  return actor.kind === "token" ? actor.name : actor.kind;
}

function details(event: SandboxEvent): string {
  switch (event.kind) {
    case "command": {
      const { argv, exitCode, signal, oom, durationMs, error } = event.data;
      const end =
        error ??
        (oom
          ? "killed: out of memory"
          : signal
            ? `ended by ${signal}`
            : exitCode === null
              ? "end not seen"
              : `exit ${exitCode}`);
      return `${argv.map((word) => (/[\s"'$]/.test(word) || word === "" ? JSON.stringify(word) : word)).join(" ")} → ${end}, ${formatDuration(durationMs)}`;
    }
    case "file.written":
      return `${event.data.path}${event.data.bytes === null ? "" : `, ${formatBytes(event.data.bytes)}`}${event.data.error ? `: ${event.data.error}` : ""}`;
    case "sandbox.created":
      return (
        event.data.error ??
        `${event.data.memoryMiB} MiB${event.data.parent ? `, a fork of ${event.data.parent}` : ""}, ready in ${formatDuration(event.data.durationMs)}`
      );
    case "sandbox.forked":
      return event.data.error ?? `into ${event.data.children.join(", ")} in ${formatDuration(event.data.durationMs)}`;
    case "sandbox.paused":
      return `${event.data.why}${failure(event.data.error)}, ${formatDuration(event.data.durationMs)}`;
    case "sandbox.resumed":
      return (
        event.data.error ?? `after ${formatDuration(event.data.pausedMs)}, in ${formatDuration(event.data.durationMs)}`
      );
    case "sandbox.stopped":
      return `${event.data.why}${event.data.detail ? `: ${event.data.detail}` : ""}, lived ${formatDuration(event.data.lifetimeMs)}`;
    case "sandbox.extended":
      return `until ${new Date(event.data.stopAtMs).toISOString()}`;
    case "http": {
      const { scheme, method, host, port, path, status, bytesUp, bytesDown, durationMs, secrets, placeholders } =
        event.data;
      const authority = port === (scheme === "https" ? 443 : 80) ? host : `${host}:${port}`;
      const sizes = `${formatBytes(bytesUp)} up, ${formatBytes(bytesDown)} down`;
      const names = [...secrets.map((name) => `with ${name}`), ...placeholders.map((name) => `${name} left out`)];
      return `${method} ${scheme}://${authority}${path} → ${[status ?? "no answer", sizes, formatDuration(durationMs), ...names].join(", ")}${judgement(event.data)}`;
    }
    case "connection": {
      const { protocol, host, port, bytesUp, bytesDown, durationMs } = event.data;
      return `${protocol} ${host}:${port} → ${formatBytes(bytesUp)} up, ${formatBytes(bytesDown)} down, ${formatDuration(durationMs)}${judgement(event.data)}`;
    }
    case "dns":
      return `${event.data.type} ${event.data.name}${judgement(event.data)}`;
    case "egress.changed": {
      const { change, policy, secret, error } = event.data;
      const what = secret
        ? `${change} ${secret.name} → ${secret.hosts.join(", ")}`
        : policy
          ? `${change} → ${policySummary(policy)}`
          : change;
      return `${what}${error ? `: ${error}` : ""}`;
    }
    case "door.opened": {
      const { kind, port, pid, auth, name } = event.data;
      const target = pid === null ? (port === null ? "" : ` to port ${port}`) : ` to process ${pid}`;
      return `${kind}${target}, ${auth === "token" ? "private" : "public"}${name === null ? "" : `, as ${name}`}`;
    }
    case "door.closed":
      return `${event.data.kind}, ${event.data.why}`;
    case "terminal.opened":
    case "terminal.resumed":
      return `from ${event.data.remote}`;
    case "terminal.closed": {
      const { reason, exitCode, durationMs } = event.data;
      return `${reason ?? `exit ${exitCode}`}, ${formatDuration(durationMs)}`;
    }
    case "token.created":
    case "token.revoked":
      return event.data.name;
    case "volume.created": {
      const { slug, capacity, from, error } = event.data;
      return `${slug}, ${formatBytes(capacity)}${from === null ? "" : ` from ${from}`}${failure(error)}`;
    }
    case "volume.grown":
      return `${event.data.slug} to ${formatBytes(event.data.capacity)}${failure(event.data.error)}`;
    case "volume.attached":
    case "volume.detached": {
      const { slug, path, error } = event.data;
      const readOnly = "readOnly" in event.data && event.data.readOnly && path !== null ? ", read-only" : "";
      return `${slug} at ${path ?? "the root"}${readOnly}${failure(error)}`;
    }
    case "snapshot.created":
      return `${event.data.slug} of ${event.data.volume}${failure(event.data.error)}`;
    case "volume.deleted":
    case "snapshot.deleted":
      return `${event.data.slug}, data kept until ${new Date(event.data.removedAtMs).toISOString()}`;
    case "volume.restored":
    case "volume.removed":
    case "snapshot.exported":
    case "snapshot.restored":
    case "snapshot.removed":
      return event.data.slug;
    case "app.created":
    case "app.updated":
    case "app.deleted":
    case "layer.created":
    case "layer.updated":
    case "layer.deleted":
      return event.data.slug;
    case "app.switched":
      return `${event.data.slug} from ${event.data.previous} to ${event.data.revision}`;
    case "revision.deployed": {
      const { slug, revision, failureReason, durationMs } = event.data;
      return `${revision} of ${slug}, ${failureReason ?? "live"} after ${formatDuration(durationMs)}`;
    }
    case "revision.deleted":
      return `${event.data.revision} of ${event.data.slug}`;
    case "instance.started":
      return `${event.data.revision} of ${event.data.slug}, ${event.data.error ?? "ready"} after ${formatDuration(event.data.durationMs)}`;
    case "instance.crashed":
      return `${event.data.revision} of ${event.data.slug}: ${event.data.detail}`;
    default:
      // New kinds are added over time; their data is shown as it is.
      return "data" in event ? JSON.stringify((event as { data: unknown }).data) : "";
  }
}

const failure = (error: string | undefined) => (error === undefined ? "" : `: ${error}`);

function judgement({ verdict, reason }: { verdict: string; reason: string | null }): string {
  return verdict === "allowed" ? "" : `: ${verdict}${reason ? `, ${reason}` : ""}`;
}

function policySummary({ allow, deny, rules }: { allow: string[] | null; deny: string[]; rules: unknown[] }): string {
  return [
    allow === null ? "every public host" : allow.length === 0 ? "nothing" : allow.join(", "),
    deny.length > 0 && `but not ${deny.join(", ")}`,
    rules.length > 0 && `${rules.length} rules`,
  ]
    .filter(Boolean)
    .join("; ");
}
