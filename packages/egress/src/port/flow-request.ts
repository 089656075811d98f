/** A guest's request to open a flow. Parsed strictly: the guest is hostile. */
import type { IncomingHttpHeaders } from "node:http2";
import { type HostRef, parseAuthority } from "../policy/mod.ts";
import { PROCESS_HEADER, UDP_PATH } from "./contract.ts";

/** Longest process name that is kept, in characters; the kernel's have at most 15. */
const MAX_PROCESS_NAME = 64;

export interface FlowRequest {
  protocol: "tcp" | "udp";
  /** The destination address, as the guest's kernel knows it. */
  address: Extract<HostRef, { address: unknown }>["address"];
  port: number;
  process: { pid: number; name: string } | null;
}

/** Null if the request is not in the contract. */
export function parseFlowRequest(headers: IncomingHttpHeaders): FlowRequest | null {
  const protocol =
    headers[":method"] === "CONNECT"
      ? "tcp"
      : headers[":method"] === "POST" && headers[":path"] === UDP_PATH
        ? "udp"
        : null;
  const authority = headers[":authority"];
  if (!protocol || typeof authority !== "string" || authority.length > 64) return null;
  const parsed = parseAuthority(authority);
  if (!parsed || !("address" in parsed.host) || parsed.port === null) return null;
  return { protocol, address: parsed.host.address, port: parsed.port, process: parseProcess(headers[PROCESS_HEADER]) };
}

function parseProcess(value: string | string[] | undefined): FlowRequest["process"] {
  const parts = typeof value === "string" ? /^(\d{1,9}) (\S{1,200})$/.exec(value) : null;
  if (!parts) return null;
  try {
    return { pid: Number(parts[1]), name: decodeURIComponent(parts[2]!).slice(0, MAX_PROCESS_NAME) };
  } catch {
    return null;
  }
}
