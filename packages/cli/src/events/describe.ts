import type { SandboxEvent } from "@sandkeep/protocol";
import { type Colours, printable } from "../output/colour.ts";
import { formatBytes } from "../values/bytes.ts";
import { formatDuration } from "../values/duration.ts";

/** One line about an event, for people: when, which sandbox, what, how it went, who. */
export function describeEvent(event: SandboxEvent, colour: Colours): string {
  const mark = event.outcome === "ok" ? colour.green("✔") : event.outcome === "denied" ? colour.yellow("⊘") : colour.red("✘");
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
      const { argv, exitCode, signal, durationMs, error } = event.data;
      const end = error ?? (signal ? `ended by ${signal}` : exitCode === null ? "end not seen" : `exit ${exitCode}`);
      return `${argv.map((word) => /[\s"'$]/.test(word) || word === "" ? JSON.stringify(word) : word).join(" ")} → ${end}, ${formatDuration(durationMs)}`;
    }
    case "file.written":
      return `${event.data.path}${event.data.bytes === null ? "" : `, ${formatBytes(event.data.bytes)}`}${event.data.error ? `: ${event.data.error}` : ""}`;
    case "sandbox.created":
      return event.data.error ?? `${event.data.memoryMiB} MiB, ready in ${formatDuration(event.data.durationMs)}`;
    case "sandbox.stopped":
      return `${event.data.why}${event.data.detail ? `: ${event.data.detail}` : ""}, lived ${formatDuration(event.data.lifetimeMs)}`;
    case "sandbox.extended":
      return `until ${new Date(event.data.stopAtMs).toISOString()}`;
    case "token.created":
    case "token.revoked":
      return event.data.name;
    default:
      // Kinds are added over time; what they hold is shown as it is.
      return "data" in event ? JSON.stringify((event as { data: unknown }).data) : "";
  }
}
