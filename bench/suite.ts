import type { BenchContext } from "./context.ts";
import { measureCopyBytes, measureCopyFiles } from "./copy.ts";
import { measureBurst, measureDensity } from "./crowd.ts";
import { measureEgressGuestEnd } from "./egress/guest-end.ts";
import { measureEgressHostEnd } from "./egress/host-end.ts";
import type { Figures } from "./figures.ts";
import { measureCreate, measureEcho, measureExec, measureKill, measureNodeVersion, measureStat } from "./latency.ts";
import { measureTransfer } from "./transfer.ts";

/** Every measurement, by the name that `--only` takes, in the order in which they are taken. */
export const MEASURES: Record<string, { title: string; run(context: BenchContext): Promise<Partial<Figures>> }> = {
  create: { title: "create", run: measureCreate },
  tti_echo: { title: "create, and echo", run: measureEcho },
  tti_node_version: { title: "create, and node --version", run: measureNodeVersion },
  exec_true: { title: "bash -c true", run: measureExec },
  rpc_stat: { title: "stat", run: measureStat },
  kill: { title: "kill", run: measureKill },
  transfer: { title: "50 MB up and down", run: measureTransfer },
  copy_5000_files: { title: "5,000 files up and down", run: measureCopyFiles },
  copy_200MB: { title: "a directory of 200 MB up and down", run: measureCopyBytes },
  burst20: { title: "20 at once", run: measureBurst },
  egress_host: { title: "egress, at the host's end", run: (context) => measureEgressHostEnd(context, context.rig()) },
  egress_guest: { title: "egress, from inside a machine", run: measureEgressGuestEnd },
  density50: { title: "50 alive", run: measureDensity },
};
