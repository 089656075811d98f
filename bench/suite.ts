import type { BenchContext } from "./context.ts";
import { measureBurst, measureDensity } from "./crowd.ts";
import { measureHttpDoor } from "./doors/http.ts";
import { measureScp, measureSshPrompt, measureSshTrue } from "./doors/ssh.ts";
import { measureEgressGuestEnd } from "./egress/guest-end.ts";
import { measureEgressHostEnd } from "./egress/host-end.ts";
import type { Figures } from "./figures.ts";
import { measureCopyBytes, measureCopyFiles } from "./files/copy.ts";
import { measureTransfer } from "./files/transfer.ts";
import {
  measureCreate,
  measureEcho,
  measureExec,
  measureKill,
  measureNodeVersion,
  measurePython,
  measureStat,
} from "./latency.ts";
import { measureForks, measurePause } from "./storage/fork.ts";
import { measureRoots } from "./storage/roots.ts";
import { measureAttach, measureLiveSnapshot, measureVolumeSpeed, measureVolumes } from "./storage/storage.ts";

export interface Measure {
  title: string;
  /** How many sandboxes it creates one after the other, without a pause. The server has had this demand before. */
  inARow?: number;
  run(context: BenchContext): Promise<Partial<Figures>>;
}

/**
 * Every measurement, by the name that `--only` takes, in the order in which they are taken. `burst20` comes first: a
 * burst on a server that nobody has used. Then `density50`, before many have tried one thing after another: those get hot
 * machines, which take more memory and stay in the warm pool for a while.
 */
export const MEASURES: Record<string, Measure> = {
  burst20: { title: "20 at once", run: measureBurst },
  density50: { title: "50 alive", run: measureDensity },
  create: { title: "create", inARow: 50, run: measureCreate },
  tti_echo: { title: "create, and echo", inARow: 30, run: measureEcho },
  tti_node_version: { title: "create, and node --version", inARow: 30, run: measureNodeVersion },
  tti_python: { title: "create, and python3", inARow: 30, run: measurePython },
  exec_true: { title: "bash -c true", run: measureExec },
  rpc_stat: { title: "stat", run: measureStat },
  kill: { title: "kill", inARow: 30, run: measureKill },
  transfer: { title: "50 MB up and down", run: measureTransfer },
  copy_5000_files: { title: "5,000 files up and down", run: measureCopyFiles },
  copy_200MB: { title: "a directory of 200 MB up and down", run: measureCopyBytes },
  egress_host: { title: "egress, at the host's end", run: (context) => measureEgressHostEnd(context, context.rig()) },
  egress_guest: { title: "egress, from inside a machine", run: measureEgressGuestEnd },
  storage_roots: { title: "volumes and snapshots as roots", run: measureRoots },
  storage_fork: { title: "forks", run: measureForks },
  storage_pause: { title: "pause and resume", run: measurePause },
  storage_volumes: { title: "volumes and snapshots", run: measureVolumes },
  storage_attach: { title: "create with a volume", run: measureAttach },
  storage_live: { title: "snapshots while programs write", run: measureLiveSnapshot },
  storage_speed: { title: "SQLite and writing on a volume", run: measureVolumeSpeed },
  door_http: { title: "HTTP through a door", run: measureHttpDoor },
  door_ssh_true: { title: "ssh host true", run: measureSshTrue },
  door_ssh_prompt: { title: "ssh host, until the prompt", run: measureSshPrompt },
  door_scp: { title: "50 MB with scp", run: measureScp },
};
