import { appCommands } from "./apps.ts";
import { doorCommands } from "./doors.ts";
import { egressCommands } from "./egress.ts";
import { fileCommands } from "./files.ts";
import { sandboxCommands } from "./sandboxes.ts";
import { serverCommands } from "./server.ts";
import type { CommandSpec } from "./spec.ts";
import { storageCommands } from "./storage.ts";
import { toolCommands } from "./tools.ts";

/** Every command of `sandkeep`; the command line, its completion and its reference in docs/cli.md all derive from it. */
export const root: CommandSpec = {
  name: "sandkeep",
  summary: "Run code you do not trust in microVMs on machines you own",
  examples: [
    ["sandkeep run -- uname -a", "run a command in a new sandbox"],
    ["sandkeep shell", "open a shell in a new sandbox"],
    ["sandkeep doctor", "check this machine"],
  ],
  commands: [
    ...sandboxCommands,
    doorCommands,
    ...appCommands,
    egressCommands,
    ...storageCommands,
    ...fileCommands,
    ...serverCommands,
    ...toolCommands,
  ],
};
