import { parseDuration } from "../values/duration.ts";
import type { CommandSpec } from "./spec.ts";

/** Commands about this installation. */
export const toolCommands: CommandSpec[] = [
  {
    name: "doctor",
    summary: "Check this machine, and say how to repair what is wrong",
    details: "Exit code 1 when something essential is missing.",
    options: [
      {
        flags: "--recheck",
        description: "find out anew whether KVM works, instead of showing what was found out before",
      },
    ],
    examples: [
      ["sandkeep doctor", "what works, what does not, and why"],
      ["sandkeep doctor --recheck", "after KVM was repaired"],
    ],
    load: () => import("../commands/tools/doctor.ts"),
  },
  {
    name: "bench",
    summary: "Measure how fast sandboxes are here",
    details: "Starts a server of its own, unless --endpoint is given, and prints each figure beside its goal.",
    options: [
      { flags: "--json [file]", description: "print the figures as JSON, or write them to a file beside the table" },
      {
        flags: "--only <names>",
        description:
          "only these, separated by commas: create, tti_echo, tti_node_version, exec_true, rpc_stat, kill, transfer, copy_5000_files, copy_200MB, burst20, egress_host, egress_guest, density50",
      },
      { flags: "--quick", description: "fewer repetitions: a glance, not a measurement" },
      {
        flags: "--settle <duration>",
        description: "how long to watch idle machines for density50 (default: 20s)",
        parse: parseDuration,
      },
    ],
    examples: [
      ["sandkeep bench --json figures.json", "everything, to a file and as a table"],
      ["sandkeep bench --only create,kill --quick", "a quick look at two"],
    ],
    client: true,
    load: () => import("../commands/tools/bench.ts"),
  },
  {
    name: "test",
    args: "[paths...]",
    summary: "Run the tests of this repository",
    details:
      "Everything, or the groups and paths given. The last line is `N passed, N failed`; the exit code is 0 only if nothing failed and something ran.",
    options: [
      { flags: "--static", description: "types, format, lint, imports, build of the SDK" },
      { flags: "--go", description: "the guest's agent: tests, a short fuzzing" },
      { flags: "--unit", description: "unit tests" },
      { flags: "--e2e", description: "end-to-end tests against real machines" },
    ],
    examples: [
      ["sandkeep test", "everything"],
      ["sandkeep test --unit packages/cli", "a part"],
    ],
    completes: "file",
    load: () => import("../commands/tools/test.ts"),
  },
  {
    name: "completion",
    args: "<shell>",
    summary: "Print a completion script for bash, zsh or fish",
    examples: [
      ["source <(sandkeep completion bash)", "for this bash"],
      ["sandkeep completion zsh > ~/.zfunc/_sandkeep", "for every zsh with ~/.zfunc in its fpath"],
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
