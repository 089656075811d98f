import type { EgressView } from "@sandkeep/protocol";
import { formatBytes } from "../values/bytes.ts";
import { type Colours, printable } from "./colour.ts";

/** A sandbox's egress policy as text. */
export function showEgress({ allow, deny, rules, secrets }: EgressView, { bold }: Colours): string {
  const listed = (items: string[], nothing: string) =>
    items.length === 0 ? [`  ${nothing}`] : items.map((item) => `  ${printable(item)}`);
  return [
    bold("allowed"),
    ...(allow === null ? ["  every public host"] : listed(allow, "nothing")),
    ...(deny.length > 0 ? [bold("denied"), ...listed(deny, "")] : []),
    ...(rules.length > 0 ? [bold("rules"), ...listed(rules.map(ruleLine), "")] : []),
    ...(secrets.length > 0 ? [bold("secrets"), ...listed(secrets.map(secretLine), "")] : []),
  ].join("\n");
}

function ruleLine({
  host,
  methods,
  paths,
  websocket,
  maxRequestBytes,
  requestsPerMinute,
}: EgressView["rules"][number]): string {
  return [
    host,
    methods?.join(","),
    paths?.join(" "),
    websocket && "WebSockets too",
    maxRequestBytes !== undefined && `bodies up to ${formatBytes(maxRequestBytes)}`,
    requestsPerMinute !== undefined && `${requestsPerMinute} a minute`,
  ]
    .filter(Boolean)
    .join("  ");
}

function secretLine({ name, hosts, in: places }: EgressView["secrets"][number]): string {
  return `${name} → ${hosts.join(", ")}${places.includes("body") ? " (in bodies, too)" : ""}`;
}
