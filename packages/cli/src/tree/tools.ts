import { parseDuration } from "../values/duration.ts";
import type { CommandSpec } from "./spec.ts";

/** Commands about this installation. */
export const toolCommands: CommandSpec[] = [
  {
    name: "doctor",
    summary: "Check this machine and say how to fix problems",
    details: "The exit code is 1 if something essential is missing, or data is damaged.",
    options: [
      {
        flags: "--recheck",
        description: "test again whether KVM works, instead of showing the earlier result",
      },
      {
        flags: "--storage",
        description: "check the data of all volumes and snapshots instead, through the running server",
      },
    ],
    examples: [
      ["sandkeep doctor", "show what works, what does not, and why"],
      ["sandkeep doctor --recheck", "use it after fixing KVM"],
      ["sandkeep doctor --storage", "use it after a crash of the computer, or before a backup"],
    ],
    load: () => import("../commands/tools/doctor.ts"),
  },
  {
    name: "bench",
    summary: "Measure how fast sandboxes are on this machine",
    details: "Starts its own server, unless --endpoint is given, and prints each figure beside its goal.",
    options: [
      {
        flags: "--json [file]",
        description: "print the figures as JSON, or print the table and write the figures to this file",
      },
      {
        flags: "--only <names>",
        description:
          "only these measurements, separated by commas: burst20, density50, create, tti_echo, tti_node_version, tti_python, exec_true, rpc_stat, kill, transfer, copy_5000_files, copy_200MB, egress_host, egress_guest, storage_roots, storage_fork, storage_pause, storage_volumes, storage_attach, storage_live, storage_speed, door_http, door_ssh_true, door_ssh_prompt, door_scp",
      },
      { flags: "--quick", description: "fewer repetitions, for a first impression" },
      {
        flags: "--settle <duration>",
        description: "how long to watch idle machines for density50 (default: 20s)",
        parse: parseDuration,
      },
    ],
    examples: [
      ["sandkeep bench --json figures.json", "measure everything; print a table and write a file"],
      ["sandkeep bench --only create,kill --quick", "take a quick look at two figures"],
    ],
    client: true,
    load: () => import("../commands/tools/bench.ts"),
  },
  {
    name: "test",
    args: "[paths...]",
    summary: "Run the tests of this repository",
    details:
      "Runs everything, or the groups and paths given. The last line is `N passed, N failed`; the exit code is 0 only if nothing failed and something ran.",
    options: [
      {
        flags: "--static",
        description: "types, format, lint, spelling, imports, generated pages, the SDK's npm package",
      },
      { flags: "--go", description: "guest agent: tests, short fuzzing" },
      { flags: "--unit", description: "unit tests" },
      { flags: "--e2e", description: "end-to-end tests on real machines" },
    ],
    examples: [
      ["sandkeep test", "run everything"],
      ["sandkeep test --unit packages/cli", "run some of it"],
    ],
    completes: "file",
    load: () => import("../commands/tools/test.ts"),
  },
  {
    name: "completion",
    args: "<shell>",
    summary: "Print a completion script for bash, zsh or fish",
    examples: [
      ["source <(sandkeep completion bash)", "for the current bash"],
      ["sandkeep completion zsh > ~/.zfunc/_sandkeep", "for every zsh that has ~/.zfunc in its fpath"],
      ["sandkeep completion fish > ~/.config/fish/completions/sandkeep.fish", "for every fish"],
    ],
    load: () => import("../commands/tools/completion.ts"),
  },
  {
    name: "complete-ids",
    summary: "Print ids of running sandboxes for completion",
    hidden: true,
    client: true,
    load: () => import("../commands/tools/complete-ids.ts"),
  },
];
