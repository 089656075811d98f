import { readFileSync } from "node:fs";
import type { JailUser } from "./users.ts";

/** Changes to a user permanently; without one, only makes sure that no privilege can be gained. */
export function become(user: JailUser | null): string[] {
  const identity = user ? [`--reuid=${user.uid}`, `--regid=${user.gid}`, "--clear-groups", "--bounding-set=-all"] : [];
  return ["setpriv", ...identity, "--no-new-privs"];
}

/** What root needs to load any code and then become another user (capabilities(7)), with the kernel's numbers. */
const LOADING: [name: string, bit: number][] = [
  ["dac_read_search", 2],
  ["setgid", 6],
  ["setuid", 7],
];

/** Those of {@link LOADING} that this process has: root in a container may lack the first, and rarely needs it. */
export function loadingCapabilities(): string[] {
  return LOADING.filter(([, bit]) => hasCapability(bit)).map(([name]) => name);
}

/** Whether this process has a capability, by the kernel's number: root in a container lacks some. */
export function hasCapability(bit: number): boolean {
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8"))![1]}`);
  return ((effective >> BigInt(bit)) & 1n) === 1n;
}
