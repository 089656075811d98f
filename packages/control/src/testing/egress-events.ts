/** FOR TESTS ONLY: one event of each kind that a proxy reports. */
import type { ConnectionEvent, DnsEvent, HttpEvent } from "@sandkeep/egress";

const common = {
  at: 1_767_607_200_000,
  durationMs: 42.5,
  verdict: "allowed",
  rule: "api.example",
  reason: null,
  process: { pid: 7, name: "curl" },
} as const;
export const http: HttpEvent = {
  ...common,
  kind: "http",
  protocol: "h2",
  scheme: "https",
  method: "POST",
  host: "api.example",
  port: 443,
  path: "/v1/models",
  query: ["page"],
  status: 201,
  bytesUp: 10,
  bytesDown: 2_000,
  secrets: ["API_KEY"],
  placeholders: [],
  address: "203.0.113.1",
};
export const connection: ConnectionEvent = {
  ...common,
  kind: "connection",
  verdict: "denied",
  protocol: "tcp",
  host: "db.example",
  port: 5_432,
  address: null,
  bytesUp: 0,
  bytesDown: 0,
  reason: "not in allowNet",
};
export const dns: DnsEvent = {
  ...common,
  kind: "dns",
  verdict: "failed",
  name: "nowhere.example",
  type: "AAAA",
  reason: "no such name",
};
