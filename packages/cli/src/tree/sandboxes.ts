import { parseMemory } from "../values/bytes.ts";
import { parseDuration } from "../values/duration.ts";
import { collectMount } from "../values/mount.ts";
import { wholeNumber } from "../values/number.ts";
import { collect, collectPair } from "../values/pair.ts";
import { collectSecret } from "../values/secret.ts";
import type { CommandSpec, OptionSpec } from "./spec.ts";

const machineOptions: OptionSpec[] = [
  {
    flags: "-m, --memory <size>",
    description: "memory, 768 to 4096 MiB: 2GiB, 1536MiB or a number of MiB (default: 1280)",
    parse: parseMemory,
  },
  {
    flags: "-e, --env <KEY=VALUE>",
    description: "environment variable for everything in the sandbox (repeat)",
    parse: collectPair,
  },
  {
    flags: "-l, --label <KEY=VALUE>",
    description: "label to find the sandbox by (repeat, at most 5)",
    parse: collectPair,
  },
  {
    flags: "--allow-net <host>",
    description: "allow only these hosts: api.example.com, *.example.com, host:443 (repeat)",
    parse: collect,
  },
  {
    flags: "--deny-net <host>",
    description: "deny this host, even if it is allowed (repeat)",
    parse: collect,
  },
  { flags: "--no-net", description: "allow no hosts at all" },
  {
    flags: "--secret <NAME=VARIABLE@host>",
    description:
      "secret with the value of this environment variable, for these hosts (separated by commas). Add a placeholder format after a #: KEY=MY_KEY@api.example.com#sk-... (repeat)",
    parse: collectSecret,
  },
  { flags: "--root <name>", description: "bootable volume or snapshot to run on, by id or slug" },
  {
    flags: "--volume <PATH=VOLUME>",
    description: "volume to mount at a path, by id or slug; add :ro for reading only: /data=my-data:ro (repeat)",
    parse: collectMount,
  },
  { flags: "--copy <path>", description: "copy a local file or directory to /app first (repeat)", parse: collect },
];

const workingDirectory: OptionSpec = {
  flags: "--cwd <path>",
  description: "working directory in the sandbox (default: /home/app)",
};

const inSandbox: OptionSpec[] = [
  { flags: "-n, --no-stdin", description: "do not read standard input" },
  workingDirectory,
];

const labelFilter: OptionSpec = {
  flags: "-l, --label <KEY=VALUE>",
  description: "only sandboxes with this label (repeat)",
  parse: collectPair,
};

/** Commands about sandboxes and what runs in them. */
export const sandboxCommands: CommandSpec[] = [
  {
    name: "run",
    args: "<command...>",
    summary: "Run a command in a new sandbox, which ends with it",
    details:
      "Standard input, output and error are connected to the command, signals are passed on, and its exit code is returned. " +
      "The first run builds the guest image and starts a server in the background, which ends by itself when idle.",
    options: [
      ...machineOptions,
      ...inSandbox,
      { flags: "-t, --tty", description: "run the command on a terminal" },
      {
        flags: "--timeout <duration>",
        description: "end the sandbox after this time (exit code 124)",
        parse: parseDuration,
      },
      { flags: "--keep", description: "keep the sandbox running afterwards (needs --timeout)" },
    ],
    examples: [
      ["sandkeep run -- uname -a", "show the kernel of the sandbox"],
      ["sandkeep run --copy . --cwd /app -- npm test", "test this directory where it can do no harm"],
      ["echo 'print(6*7)' | sandkeep run --no-net python3 -", "run a script from standard input without a network"],
      [
        "sandkeep run --allow-net api.example.com --secret API_KEY=MY_KEY@api.example.com -- ./job.sh",
        "one host, and a key that the job cannot read",
      ],
      ["sandkeep run -t -- bash", "look around in a shell"],
    ],
    passThrough: true,
    client: true,
    load: () => import("../commands/sandboxes/run.ts"),
  },
  {
    name: "create",
    aliases: ["new"],
    summary: "Create a sandbox that outlives this command",
    details: "Prints the sandbox's id. The sandbox ends when its time is up; `sandkeep extend` gives it more.",
    options: [
      ...machineOptions,
      { flags: "--timeout <duration>", description: "how long the sandbox lives (default: 5m)", parse: parseDuration },
      {
        flags: "--idle <duration>",
        description: "how long the sandbox may be without a client (default: any time)",
        parse: parseDuration,
      },
      {
        flags: "--on-idle <action>",
        description: "what happens when its time is up or it is idle (default: end)",
        choices: ["end", "pause"],
      },
    ],
    examples: [
      ["id=$(sandkeep create --timeout 30m)", "create one that lives for half an hour"],
      ["sandkeep create --label team=docs --memory 2GiB --json", "with a label and more memory; print JSON"],
      [
        "sandkeep create --timeout 30m --idle 5m --on-idle pause",
        "pause it when nobody has been connected for 5 minutes",
      ],
    ],
    client: true,
    load: () => import("../commands/sandboxes/create.ts"),
  },
  {
    name: "list",
    aliases: ["ls"],
    summary: "List running and paused sandboxes",
    options: [{ flags: "-a, --all", description: "include those that have ended" }, labelFilter],
    examples: [
      ["sandkeep list", "list what is running or paused"],
      ["sandkeep list --all --label team=docs --json", "list everything with a label, as JSON"],
    ],
    client: true,
    load: () => import("../commands/sandboxes/list.ts"),
  },
  {
    name: "exec",
    args: "<id> <command...>",
    summary: "Run a command in a running sandbox",
    details: "Like `run`, but in a sandbox that is already running. Pass - as the id to use SANDBOX_ID.",
    options: [
      ...inSandbox,
      {
        flags: "-e, --env <KEY=VALUE>",
        description: "environment variable for this command (repeat)",
        parse: collectPair,
      },
      { flags: "-t, --tty", description: "run the command on a terminal" },
    ],
    examples: [
      ["sandkeep exec $id -- ls -l", "look at the home directory"],
      ["sandkeep exec $id --cwd /app -- npm test", "options may come before or after the id"],
      ["SANDBOX_ID=$id sandkeep exec - -- python3 -m http.server", "take the id from the environment"],
    ],
    completes: "sandbox",
    passThrough: true,
    client: true,
    load: () => import("../commands/sandboxes/exec.ts"),
  },
  {
    name: "ssh",
    args: "<id> [arguments...]",
    summary: "Log in to a sandbox with OpenSSH",
    details:
      "Opens the sandbox to SSH and runs `ssh`, which gets the other arguments: options and a command. Nobody has to confirm the server's key. Pass - as the id to use SANDBOX_ID.",
    options: [{ flags: "--print", description: "only print the command line, for other programs" }],
    examples: [
      ["sandkeep ssh $id", "a shell"],
      ["sandkeep ssh $id -L 8000:localhost:8000", "a port of the sandbox on this computer"],
      ["sandkeep ssh --print $id", "how to log in from elsewhere"],
    ],
    completes: "sandbox",
    passThrough: true,
    client: true,
    load: () => import("../commands/sandboxes/ssh.ts"),
  },
  {
    name: "shell",
    args: "[id]",
    summary: "Open an interactive shell in a sandbox",
    details: "Without an id (and without SANDBOX_ID), it opens a new sandbox, which ends with the shell.",
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
    name: "open",
    args: "[id]",
    summary: "Open a terminal of a sandbox in the browser",
    details:
      "Prints a link that works once, within a minute, and opens it if this computer has a browser (BROWSER, otherwise the desktop's). The " +
      "shell ends with the sandbox, with the token that made the link, and five minutes after the page has gone.",
    options: [{ flags: "--no-browser", description: "only print the link" }],
    examples: [
      ["sandkeep open $id", "a terminal in a new tab"],
      ["sandkeep open $id --no-browser", "a link for another browser that reaches the server"],
    ],
    completes: "sandbox",
    client: true,
    load: () => import("../commands/sandboxes/open.ts"),
  },
  {
    name: "expose",
    args: "<id> [port]",
    summary: "Give an HTTP server in a sandbox an address",
    details:
      "Prints an https URL that works in any browser. It is private unless you say otherwise: the URL has a token in it, which opens this " +
      "port only and expires. The address ends with the sandbox. With one argument, that argument is the port, and SANDBOX_ID is the id.",
    options: [
      { flags: "--public", description: "everybody who knows the URL may use it" },
      {
        flags: "--name <name>",
        description: "a name that your organisation keeps, instead of a random one; it moves here from another sandbox",
      },
      {
        flags: "--expires <duration>",
        description: "how long the token in the URL is valid (default: 24h)",
        parse: parseDuration,
      },
    ],
    examples: [
      ["sandkeep expose $id 8000", "a private address of port 8000"],
      ["sandkeep expose $id 8000 --public --name shop", "a public one that stays the same for the next sandbox"],
    ],
    completes: "sandbox",
    client: true,
    load: () => import("../commands/sandboxes/expose.ts"),
  },
  {
    name: "kill",
    aliases: ["rm", "remove"],
    args: "[ids...]",
    summary: "End sandboxes immediately; by id also paused ones",
    options: [{ flags: "--all", description: "all running sandboxes, but not paused ones" }, labelFilter],
    examples: [
      ["sandkeep kill $id", "end one"],
      ["sandkeep kill --all --label team=docs", "end all that have a label"],
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
      "The sandbox ends this long from now, but never earlier than before. The limit is 30 minutes, unless the server's configuration says otherwise. With one argument, that argument is the duration, and SANDBOX_ID is the id.",
    examples: [["sandkeep extend $id 30m", "end it half an hour from now"]],
    completes: "sandbox",
    client: true,
    load: () => import("../commands/sandboxes/extend.ts"),
  },
  {
    name: "fork",
    args: "[id]",
    summary: "Fork a running sandbox",
    details:
      "Each child goes on where the sandbox is, with its processes, memory and disk. Prints the ids of the children. They end when their parent would, or after 5 minutes if that is a session, unless --timeout says otherwise.",
    options: [
      {
        flags: "-n, --count <number>",
        description: "how many children, at most 32 (default: 1)",
        parse: wholeNumber(1, 32),
      },
      { flags: "--timeout <duration>", description: "how long each child lives", parse: parseDuration },
      {
        flags: "-l, --label <KEY=VALUE>",
        description: "labels instead of the parent's (repeat, at most 5)",
        parse: collectPair,
      },
    ],
    examples: [
      ["twin=$(sandkeep fork $id)", "a second one like it"],
      ["sandkeep fork $id --count 4 --timeout 10m", "four, for ten minutes"],
    ],
    completes: "sandbox",
    client: true,
    load: () => import("../commands/sandboxes/fork.ts"),
  },
  {
    name: "pause",
    args: "[ids...]",
    summary: "Pause sandboxes to disk",
    details:
      "A paused sandbox uses no memory and no processor, and a restart of the server does not affect it. `sandkeep resume` lets it go on. Its clients are disconnected.",
    examples: [["sandkeep pause $id", "pause one"]],
    completes: "sandbox",
    client: true,
    load: () => import("../commands/sandboxes/pause.ts"),
  },
  {
    name: "resume",
    args: "[ids...]",
    summary: "Let paused sandboxes go on",
    details:
      "A sandbox has the time that it had left when it was paused, at least 5 minutes, unless --timeout says otherwise. A session gets 5 minutes.",
    options: [{ flags: "--timeout <duration>", description: "how long it lives from now on", parse: parseDuration }],
    examples: [["sandkeep resume $id && sandkeep shell $id", "go on where it was"]],
    completes: "sandbox",
    client: true,
    load: () => import("../commands/sandboxes/resume.ts"),
  },
  {
    name: "events",
    args: "[id]",
    summary: "Show what happened in one sandbox or in all",
    options: [
      { flags: "-f, --follow", description: "keep showing new events" },
      {
        flags: "-k, --kind <kind>",
        description: "only events of this kind, such as sandbox.created (repeat)",
        parse: collect,
      },
      { flags: "-s, --sandbox <id>", description: "only this sandbox's events" },
      {
        flags: "-n, --limit <count>",
        description: "at most this many of the latest events (default: 100)",
        parse: wholeNumber(1, 100_000),
      },
    ],
    examples: [
      ["sandkeep events --follow", "watch everything"],
      ["sandkeep events --follow --kind http,connection $id", "watch what a sandbox reaches"],
      ["sandkeep events $id --json", "one sandbox's history, one JSON object per line"],
    ],
    completes: "sandbox",
    client: true,
    load: () => import("../commands/sandboxes/events.ts"),
  },
];
