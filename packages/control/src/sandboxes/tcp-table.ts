/**
 * What the kernel knows about TCP connections (proc(5), /proc/net/tcp): whether the other end acknowledges what it is
 * sent. A computer does so even if the program is busy or stopped; a computer that is switched off or disconnected does
 * not.
 */
import { readFile } from "node:fs/promises";
import { SocketAddress } from "node:net";
import { endianness } from "node:os";
import type { TcpEndpoints } from "@sandkeep/rpc";

const TABLES = ["/proc/net/tcp", "/proc/net/tcp6"];
/**
 * Number of unanswered window probes that count. One does not: kernels answer only two a second, and the next one after
 * a lost one may be a minute away, because their interval grows.
 */
const UNANSWERED_PROBES = 2;

/** Those of the connections whose other end has not acknowledged something, so that it was retransmitted. */
export async function unacknowledged<Connection extends { readonly endpoints: TcpEndpoints }>(
  connections: Iterable<Connection>,
): Promise<Set<Connection>> {
  const searched = new Map<string, Connection>();
  for (const connection of connections) searched.set(keyOf(connection.endpoints), connection);
  const found = new Set<Connection>();
  // Without the tables, nothing is known, and only the program's own silence counts.
  const tables = await Promise.all(TABLES.map((path) => readFile(path, "latin1").catch(() => "")));
  for (const row of tables.flatMap((table) => table.split("\n").slice(1))) {
    // sl, local, remote, state, tx:rx queue, timer:when, retransmits, uid, probes without an answer
    const [, local, remote, , , , retransmits = "0", , probes = "0"] = row.trim().split(/\s+/);
    if (!local || !remote || (Number.parseInt(retransmits, 16) === 0 && Number(probes) < UNANSWERED_PROBES)) continue;
    const connection = searched.get(`${endpoint(local)} ${endpoint(remote)}`);
    if (connection) found.add(connection);
  }
  return found;
}

const keyOf = ({ localAddress, localPort, remoteAddress, remotePort }: TcpEndpoints) =>
  `${canonical(localAddress)} ${localPort} ${canonical(remoteAddress)} ${remotePort}`;

const canonical = (address = "") => address.replace(/%.*$/, "");

/** `0100007F:1F90` as Node writes it: words of 32 bits in the processor's order, and the port. */
function endpoint(text: string): string {
  const [hex = "", port = ""] = text.split(":");
  const bytes = Buffer.from(hex, "hex");
  if (endianness() === "LE") bytes.swap32();
  const address = bytes.length === 4 ? bytes.join(".") : ipv6(bytes);
  return `${address} ${Number.parseInt(port, 16)}`;
}

function ipv6(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(2 * index).toString(16));
  return new SocketAddress({ family: "ipv6", address: groups.join(":") }).address;
}
