import { availableParallelism, cpus, totalmem } from "node:os";
import type { ServerInfo } from "@sandkeep/protocol";
import type { Machine } from "./figures.ts";

/** Describes this computer and its software. */
export function describeMachine({ host, version }: ServerInfo): Machine {
  return {
    cores: availableParallelism(),
    memory_MiB: Math.round(totalmem() / 2 ** 20),
    cpu: cpus()[0]?.model ?? "unknown",
    acceleration: host.acceleration,
    versions: { sandkeep: version, node: process.version, ...host.versions },
    date: new Date().toISOString(),
  };
}
