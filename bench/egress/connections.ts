import type { TLSSocket } from "node:tls";
import type { BenchContext } from "../context.ts";
import type { Figures } from "../figures.ts";
import { pssBytes } from "../processes.ts";
import { rounded } from "../statistics.ts";
import { startGate } from "./gate.ts";
import { requestsOn } from "./requests.ts";
import type { Rig } from "./rig.ts";

const CONNECTIONS = 2_000;
/** Connections that are opened at the same time. */
const AT_ONCE = 16;

/**
 * Thousands of connections open at once, each of which has carried a request, and how much the proxy's memory grew. The proxy is a fresh one:
 * what other measurements leave in its heap would hide what connections need, and thousands of connections would slow down the others.
 */
export async function measureConnections(context: BenchContext, rig: Rig): Promise<Figures["egress_tls_connections"]> {
  await using gate = await startGate(rig);
  const memory = () => pssBytes(gate.proxy.pids);
  const before = memory();
  const total = context.times(CONNECTIONS);
  const open: TLSSocket[] = [];
  let ok = 0;
  let begun = 0;
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (begun < total) {
        begun++;
        const socket = await gate.through();
        open.push(socket);
        if ((await requestsOn(socket, gate.placeholder)("/")).bytes === 2) ok++;
      }
    }),
  );
  const after = memory();
  for (const socket of open) socket.destroy();
  return { ok, memory_MB: rounded((after - before) / 1e6), total_MB: rounded(after / 1e6) };
}
