/** FOR TESTS ONLY: a host's proxies. */
import { join } from "node:path";
import { silentLogger } from "@sandkeep/common";
import type { EgressConfig } from "../../contract.ts";
import { EgressProxies, type EgressProxiesOptions } from "../proxies.ts";

/** @param dir Gets the folders `egress`, with keys, and `ports`. @param config What differs from one proxy without further settings. */
export function openProxies(
  dir: string,
  config: Partial<EgressConfig>,
  options: Partial<EgressProxiesOptions> = {},
): EgressProxies {
  return new EgressProxies({
    hostId: "host_1",
    dir: join(dir, "egress"),
    folder: join(dir, "ports"),
    jail: "full",
    config: {
      hosts: {},
      caFiles: [],
      passThrough: [],
      dnsServers: [],
      upstreamProxy: null,
      hooks: null,
      processes: 1,
      ...config,
    },
    log: silentLogger,
    onEvent: async () => {},
    onViolation: () => {},
    ...options,
  });
}
