import type { ServerChannel } from "ssh2";
import type { SshActivity, SshTarget } from "../contract.ts";
import type { Outlet } from "./outlet.ts";

/** What a channel needs of its connection. */
export interface ChannelContext {
  target: SshTarget;
  /** Makes a channel ready for sending. */
  outlet(channel: ServerChannel): Outlet;
  /** Aborted when the connection is closed. */
  signal: AbortSignal;
  report(activity: SshActivity): void;
}
