import type { Scope } from "@sandkeep/protocol";
import { parseDuration } from "../values/duration.ts";
import { wholeNumber } from "../values/number.ts";
import type { CommandSpec } from "./spec.ts";

/** Commands about the server, its tokens and its images. */
export const serverCommands: CommandSpec[] = [
  {
    name: "serve",
    summary: "Run the server in the foreground",
    details:
      "Binds 127.0.0.1 unless told otherwise. On SIGTERM or ^C it stops gracefully and ends its sandboxes; with " +
      "--leave-running those with a lifetime stay, and the next start takes them over again.",
    options: [
      { flags: "-c, --config <file>", description: "settings from a JSON file; options given here win" },
      { flags: "--host <address>", description: "address to listen on (default: 127.0.0.1)" },
      {
        flags: "-p, --port <number>",
        description: "port to listen on; 0 for a free one (default: 7777)",
        parse: wholeNumber(0, 65_535),
      },
      { flags: "--ready-file <file>", description: "write endpoints and a token there, as JSON, once it serves" },
      { flags: "--tls", description: "serve HTTPS with a certificate of a local CA of its own" },
      { flags: "--tls-cert <file>", description: "serve HTTPS with this certificate (PEM)" },
      { flags: "--tls-key <file>", description: "the certificate's key (PEM)" },
      { flags: "--leave-running", description: "leave sandboxes with a lifetime running on exit" },
      {
        flags: "--jail <kind>",
        description:
          "jail around each machine: full, or minimal where no namespaces can be made (SANDKEEP_JAIL; default: full)",
        choices: ["full", "minimal"],
      },
      {
        flags: "--images <path>",
        description: "share the images and templates of another data directory (SANDKEEP_IMAGES)",
      },
      {
        flags: "--background",
        description: "say that it serves only when the first machine is ready (as when other commands start it)",
      },
      { flags: "--idle-exit <duration>", description: "exit after this long without a sandbox", parse: parseDuration },
      {
        flags: "--log-level <level>",
        description: "how much to log",
        choices: ["trace", "debug", "info", "warn", "error", "silent"],
      },
    ],
    examples: [
      ["sandkeep serve", "on this machine only"],
      ["sandkeep serve --host 0.0.0.0 --tls-cert cert.pem --tls-key key.pem", "for others, with HTTPS"],
      ["sandkeep serve --port 0 --ready-file ready.json", "on a free port, for a script"],
    ],
    load: () => import("../commands/server/serve.ts"),
  },
  {
    name: "stop",
    summary: "Stop the server that runs in the background",
    options: [{ flags: "--leave-running", description: "leave sandboxes with a lifetime running" }],
    examples: [["sandkeep stop", "stop it, and its sandboxes"]],
    load: () => import("../commands/server/stop.ts"),
  },
  {
    name: "token",
    summary: "Create, list and revoke tokens",
    commands: [
      {
        name: "create",
        args: "[name]",
        summary: "Create a token and show it, once",
        options: [
          {
            flags: "--scope <scope>",
            description: "what it may do (default: manage); each includes those before it",
            choices: ["read", "run", "manage", "admin"] satisfies Scope[],
          },
          {
            flags: "--expires <duration>",
            description: "how long it is valid (default: as long as the token that creates it)",
            parse: parseDuration,
          },
          { flags: "--organisation <slug>", description: "whose token it is (administrators only)" },
          { flags: "--admin", description: "the same as --scope admin" },
        ],
        details:
          "read: look at sandboxes and events. run: also create sandboxes, connect to them, end them. manage: also change what running " +
          "sandboxes may reach, their secrets, and the organisation's tokens. admin: also organisations, and tokens of all of them. " +
          "A token cannot create one with a higher scope or a later expiry than its own.",
        examples: [
          [
            "sandkeep token create ci --scope run --expires 30d",
            "for the build machine: it creates sandboxes and ends them",
          ],
          ["sandkeep token create dashboard --scope read", "for one that only looks"],
        ],
        client: true,
        load: () => import("../commands/tokens/create.ts"),
      },
      {
        name: "list",
        aliases: ["ls"],
        summary: "List tokens, what each may do, and when it was last used",
        client: true,
        load: () => import("../commands/tokens/list.ts"),
      },
      {
        name: "revoke",
        aliases: ["rm"],
        args: "<token-id>",
        summary: "Make a token useless from now on",
        client: true,
        load: () => import("../commands/tokens/revoke.ts"),
      },
    ],
  },
  {
    name: "image",
    summary: "Build, list and prune guest images",
    commands: [
      {
        name: "build",
        summary: "Build the guest's image unless it is there already",
        options: [{ flags: "--force", description: "build it even so" }],
        load: () => import("../commands/images/build.ts"),
      },
      {
        name: "list",
        aliases: ["ls"],
        summary: "List the images on this machine",
        load: () => import("../commands/images/list.ts"),
      },
      {
        name: "prune",
        summary: "Remove images that are no longer current",
        options: [{ flags: "--dry-run", description: "only say what would be removed" }],
        load: () => import("../commands/images/prune.ts"),
      },
    ],
  },
];
