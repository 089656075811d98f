import { parseMemory } from "../values/bytes.ts";
import { parseDuration } from "../values/duration.ts";
import { wholeNumber } from "../values/number.ts";
import { collect, collectPair } from "../values/pair.ts";
import { collectSecret } from "../values/secret.ts";
import type { CommandSpec, OptionSpec } from "./spec.ts";

const machineOptions: OptionSpec[] = [
  {
    flags: "-m, --memory <size>",
    description: "memory, 768 to 4096 MiB: 2GiB, 1536MiB or a number of MiB",
    parse: parseMemory,
  },
  {
    flags: "-e, --env <KEY=VALUE>",
    description: "environment for everything in the sandbox (repeat)",
    parse: collectPair,
  },
  {
    flags: "-l, --label <KEY=VALUE>",
    description: "a label, to find the sandbox by (repeat, at most 5)",
    parse: collectPair,
  },
  {
    flags: "--allow-net <host>",
    description: "allow only these hosts to be reached: api.example.com, *.example.com, host:443 (repeat)",
    parse: collect,
  },
  {
    flags: "--deny-net <host>",
    description: "never let this host be reached, whatever else allows it (repeat)",
    parse: collect,
  },
  { flags: "--no-net", description: "allow no host to be reached" },
  {
    flags: "--secret <NAME=VARIABLE@host>",
    description:
      "a secret for these hosts (with commas), with the value of this environment variable; its placeholder looks like what follows a #, as in KEY=MY_KEY@api.example.com#sk-... (repeat)",
    parse: collectSecret,
  },
  { flags: "--copy <path>", description: "copy a local file or directory to /app first (repeat)", parse: collect },
];

const workingDirectory: OptionSpec = {
  flags: "--cwd <path>",
  description: "directory in the sandbox to run in (default: /home/app)",
};

const inSandbox: OptionSpec[] = [
  { flags: "-n, --no-stdin", description: "leave standard input alone" },
  workingDirectory,
];

const labelFilter: OptionSpec = {
  flags: "-l, --label <KEY=VALUE>",
  description: "only those with this label (repeat)",
  parse: collectPair,
};

/** Commands about sandboxes and what runs in them. */
export const sandboxCommands: CommandSpec[] = [
  {
    name: "run",
    args: "<command...>",
    summary: "Run a command in a new sandbox, which ends with it",
    details:
      "Standard input, output and error are the command's own; signals are passed on; its exit code becomes this one's. " +
      "The first run builds the guest's image and starts a server in the background, which ends by itself when idle.",
    options: [
      ...machineOptions,
      ...inSandbox,
      { flags: "-t, --tty", description: "give the command a terminal" },
      {
        flags: "--timeout <duration>",
        description: "end the sandbox after this time (exit code 124)",
        parse: parseDuration,
      },
      { flags: "--keep", description: "leave the sandbox running afterwards (needs --timeout)" },
    ],
    examples: [
      ["sandkeep run -- uname -a", "what machine is this?"],
      ["sandkeep run --copy . --cwd /app -- npm test", "test this directory where it can do no harm"],
      ["echo 'print(6*7)' | sandkeep run --no-net python3 -", "run a script from standard input without a network"],
      [
        "sandkeep run --allow-net api.example.com --secret API_KEY=MY_KEY@api.example.com -- ./job.sh",
        "one host, and a key that the job cannot read",
      ],
      ["sandkeep run -t -- bash", "look around"],
    ],
    passThrough: true,
    client: true,
    load: () => import("../commands/sandboxes/run.ts"),
  },
  {
    name: "create",
    aliases: ["new"],
    summary: "Create a sandbox that outlives this command",
    details: "Prints the new sandbox's id. It ends when its time is over; see `sandkeep extend`.",
    options: [
      ...machineOptions,
      { flags: "--timeout <duration>", description: "how long it lives (default: 5m)", parse: parseDuration },
    ],
    examples: [
      ["id=$(sandkeep create --timeout 30m)", "half an hour for whatever comes"],
      ["sandkeep create --label team=docs --memory 2GiB --json", "with a label and more memory; prints JSON"],
    ],
    client: true,
    load: () => import("../commands/sandboxes/create.ts"),
  },
  {
    name: "list",
    aliases: ["ls"],
    summary: "List sandboxes",
    options: [{ flags: "-a, --all", description: "those that ended, too" }, labelFilter],
    examples: [
      ["sandkeep list", "what is running"],
      ["sandkeep list --all --label team=docs --json", "everything with a label, as JSON"],
    ],
    client: true,
    load: () => import("../commands/sandboxes/list.ts"),
  },
  {
    name: "exec",
    args: "<id> <command...>",
    summary: "Run a command in a running sandbox",
    details: "Like `run`, in a sandbox that is there already. The id may be left to SANDBOX_ID by giving a dash.",
    options: [
      ...inSandbox,
      { flags: "-e, --env <KEY=VALUE>", description: "environment for this command (repeat)", parse: collectPair },
      { flags: "-t, --tty", description: "give the command a terminal" },
    ],
    examples: [
      ["sandkeep exec $id -- ls -l", "look at the home directory"],
      ["sandkeep exec $id --cwd /app -- npm test", "options stand before or after the id"],
      ["SANDBOX_ID=$id sandkeep exec - -- python3 -m http.server", "with the id from the environment"],
    ],
    completes: "sandbox",
    passThrough: true,
    client: true,
    load: () => import("../commands/sandboxes/exec.ts"),
  },
  {
    name: "shell",
    aliases: ["ssh"],
    args: "[id]",
    summary: "Open an interactive shell in a sandbox",
    details: "Without an id (and without SANDBOX_ID) in a new sandbox, which ends with the shell.",
    options: [workingDirectory, { flags: "--shell <command>", description: "the shell to run", default: "bash" }],
    examples: [
      ["sandkeep shell", "a shell in a new sandbox"],
      ["sandkeep shell $id", "a shell in a running one"],
    ],
    completes: "sandbox",
    client: true,
    load: () => import("../commands/sandboxes/shell.ts"),
  },
  {
    name: "kill",
    aliases: ["rm", "remove"],
    args: "[ids...]",
    summary: "End sandboxes at once",
    options: [{ flags: "--all", description: "every running one" }, labelFilter],
    examples: [
      ["sandkeep kill $id", "end one"],
      ["sandkeep kill --all --label team=docs", "end all with a label"],
    ],
    completes: "sandbox",
    client: true,
    load: () => import("../commands/sandboxes/kill.ts"),
  },
  {
    name: "extend",
    args: "<id> [duration]",
    summary: "Give a sandbox more time",
    details:
      "Its new end is the given time from now, at most 30 minutes. With one argument, that is the duration, and the id is SANDBOX_ID.",
    examples: [["sandkeep extend $id 30m", "half an hour from now"]],
    completes: "sandbox",
    client: true,
    load: () => import("../commands/sandboxes/extend.ts"),
  },
  {
    name: "events",
    args: "[id]",
    summary: "Show what happened, in a sandbox or in all of them",
    options: [
      { flags: "-f, --follow", description: "go on with what happens from now" },
      {
        flags: "-k, --kind <kind>",
        description: "only events of this kind, such as sandbox.created (repeat)",
        parse: collect,
      },
      { flags: "-s, --sandbox <id>", description: "only this sandbox's events" },
      {
        flags: "-n, --limit <count>",
        description: "at most this many, the latest ones (default: 100)",
        parse: wholeNumber(1, 100_000),
      },
    ],
    examples: [
      ["sandkeep events --follow", "watch everything"],
      ["sandkeep events --follow --kind http,connection $id", "what a sandbox reaches"],
      ["sandkeep events $id --json", "one sandbox's history, a JSON object a line"],
    ],
    completes: "sandbox",
    client: true,
    load: () => import("../commands/sandboxes/events.ts"),
  },
];
