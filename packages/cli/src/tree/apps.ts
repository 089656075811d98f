import { collectAppSecret } from "../commands/apps/app-secret.ts";
import { parseMemory } from "../values/bytes.ts";
import { parseDuration } from "../values/duration.ts";
import { collect, collectPair } from "../values/pair.ts";
import type { CommandSpec } from "./spec.ts";

/** Commands about apps and what is deployed to them. */
export const appCommands: CommandSpec[] = [
  {
    name: "deploy",
    args: "[dir]",
    summary: "Deploy a directory to an app, which gets an address of its own",
    details:
      "The directory is copied into a new sandbox, whose disk becomes the revision. With --sandbox, it is a directory of that sandbox, with everything that was installed there. What is live changes only if the server of the new revision listens.",
    options: [
      { flags: "-a, --app <app>", description: "the app; it is created if there is none with this name" },
      { flags: "--entrypoint <file>", description: "what Deno runs (default: main.ts)" },
      { flags: "--preview", description: "give it an address of its own, and leave production as it is" },
      { flags: "--sandbox <id>", description: "deploy from this sandbox" },
      {
        flags: "-m, --memory <size>",
        description: "memory of the app, 768 to 4096 MiB: 2GiB, 1536MiB or a number of MiB (default: 1280)",
        parse: parseMemory,
      },
      {
        flags: "--allow-net <host>",
        description: "allow the app only these hosts: api.example.com, *.example.com, host:443 (repeat)",
        parse: collect,
      },
      { flags: "--no-net", description: "allow the app no hosts at all" },
      { flags: "--root <name>", description: "bootable volume or snapshot that the app runs on, by id or slug" },
    ],
    examples: [
      ["sandkeep deploy . --app my-app --entrypoint server.ts", "from this directory"],
      ["sandkeep deploy site --app my-app --sandbox $id", "from /home/app/site of a sandbox"],
    ],
    client: true,
    load: () => import("../commands/apps/deploy.ts"),
  },
  {
    name: "logs",
    args: "<app>",
    summary: "Print what an app has printed",
    options: [
      { flags: "-f, --follow", description: "also print what comes from then on" },
      {
        flags: "--since <duration>",
        description: "how far to go back: 30s, 5m, 24h (default: 1h)",
        parse: parseDuration,
      },
      {
        flags: "--level <level>",
        description: "lines of at least this severity; standard error is `error`, everything else `info`",
        choices: ["debug", "info", "warn", "error"],
      },
      { flags: "--grep <text>", description: "lines that contain this text" },
      { flags: "--revision <id>", description: "lines of this revision" },
    ],
    examples: [["sandkeep logs --follow my-app", "as it happens"]],
    client: true,
    load: () => import("../commands/apps/logs.ts"),
  },
  {
    name: "rollback",
    args: "<app> [revision]",
    summary: "Let an app's address lead to another revision, by default the one before",
    examples: [["sandkeep rollback my-app", "once more: back again"]],
    client: true,
    load: () => import("../commands/apps/rollback.ts"),
  },
  {
    name: "apps",
    summary: "Create, list, change and delete apps",
    details: "An app is named by its slug or its id.",
    commands: [
      {
        name: "list",
        aliases: ["ls"],
        summary: "List apps, the last changed first",
        client: true,
        load: () => import("../commands/apps/list.ts"),
      },
      {
        name: "create",
        args: "[app]",
        summary: "Create an app; without a name it gets a random one",
        options: [
          {
            flags: "-l, --label <KEY=VALUE>",
            description: "label to find the app by (repeat, at most 5)",
            parse: collectPair,
          },
        ],
        client: true,
        load: () => import("../commands/apps/create.ts"),
      },
      {
        name: "show",
        args: "<app>",
        summary: "Show an app: its address, what it leads to, and its variables",
        client: true,
        load: () => import("../commands/apps/show.ts"),
      },
      {
        name: "set",
        args: "<app> [KEY=VALUE...]",
        summary: "Set variables of an app, for instances that start from then on",
        options: [
          {
            flags: "--secret <NAME=VARIABLE>",
            description:
              "secret with the value of this environment variable. With @host, the app gets a placeholder, and only these hosts (separated by commas) the value: KEY=MY_KEY@api.example.com (repeat)",
            parse: collectAppSecret,
          },
          { flags: "--unset <KEY>", description: "delete a variable (repeat)", parse: collect },
          {
            flags: "--context <name>",
            description: "set them only there: production or preview (repeat; default: everywhere)",
            parse: collect,
          },
        ],
        examples: [
          ["sandkeep apps set my-app COLOUR=red", "a variable"],
          ["sandkeep apps set my-app --secret API_KEY=MY_KEY@api.example.com", "a secret that the app never sees"],
        ],
        client: true,
        load: () => import("../commands/apps/set.ts"),
      },
      {
        name: "delete",
        aliases: ["rm"],
        args: "<apps...>",
        summary: "Delete apps, with all their revisions",
        client: true,
        load: () => import("../commands/apps/delete.ts"),
      },
    ],
  },
  {
    name: "revisions",
    summary: "List, cancel and delete what was deployed",
    commands: [
      {
        name: "list",
        aliases: ["ls"],
        args: "<app>",
        summary: "List the revisions of an app, newest first",
        client: true,
        load: () => import("../commands/revisions/list.ts"),
      },
      {
        name: "log",
        args: "<revision>",
        summary: "Print what a deployment has said, and says until it ends",
        client: true,
        load: () => import("../commands/revisions/log.ts"),
      },
      {
        name: "cancel",
        args: "<revision>",
        summary: "Cancel a deployment",
        client: true,
        load: () => import("../commands/revisions/cancel.ts"),
      },
      {
        name: "delete",
        aliases: ["rm"],
        args: "<revisions...>",
        summary: "Delete revisions that production does not lead to",
        client: true,
        load: () => import("../commands/revisions/delete.ts"),
      },
    ],
  },
];
