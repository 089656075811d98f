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
      "Listens on 127.0.0.1 by default. On SIGTERM or ^C it stops gracefully and ends its sandboxes; with --leave-running, " +
      "those with a duration keep running, and the next start takes them over.",
    options: [
      { flags: "-c, --config <file>", description: "JSON file with settings; options given here override it" },
      { flags: "--host <address>", description: "address to listen on (default: 127.0.0.1)" },
      {
        flags: "-p, --port <number>",
        description: "port to listen on; 0 for a free one (default: 7777)",
        parse: wholeNumber(0, 65_535),
      },
      {
        flags: "--ready-file <file>",
        description: "write endpoints and a token to this file, as JSON, once the server is ready",
      },
      { flags: "--tls", description: "serve HTTPS with a certificate from the local CA" },
      { flags: "--tls-cert <file>", description: "serve HTTPS with this certificate (PEM)" },
      { flags: "--tls-key <file>", description: "key of the certificate (PEM)" },
      { flags: "--leave-running", description: "keep sandboxes with a duration running on exit" },
      {
        flags: "--jail <kind>",
        description:
          "jail around each machine: full, or minimal where namespaces cannot be created (default: SANDKEEP_JAIL, else full)",
        choices: ["full", "minimal"],
      },
      {
        flags: "--images <path>",
        description: "share the images and templates of another data directory (SANDKEEP_IMAGES)",
      },
      {
        flags: "--background",
        description: "report ready only when the first machine is ready (used when other commands start the server)",
      },
      { flags: "--idle-exit <duration>", description: "exit after this long without a sandbox", parse: parseDuration },
      {
        flags: "--log-level <level>",
        description: "how much to log",
        choices: ["trace", "debug", "info", "warn", "error", "silent"],
      },
    ],
    examples: [
      ["sandkeep serve", "serve this machine only"],
      ["sandkeep serve --host 0.0.0.0 --tls-cert cert.pem --tls-key key.pem", "serve others, with HTTPS"],
      ["sandkeep serve --port 0 --ready-file ready.json", "use a free port, for a script"],
    ],
    load: () => import("../commands/server/serve.ts"),
  },
  {
    name: "stop",
    summary: "Stop the background server",
    options: [{ flags: "--leave-running", description: "keep sandboxes with a duration running" }],
    examples: [["sandkeep stop", "stop the server and its sandboxes"]],
    load: () => import("../commands/server/stop.ts"),
  },
  {
    name: "token",
    summary: "Create, list and revoke tokens",
    commands: [
      {
        name: "create",
        args: "[name]",
        summary: "Create a token and show it once",
        options: [
          {
            flags: "--scope <scope>",
            description: "what the token may do (default: manage); each scope includes those before it",
            choices: ["read", "run", "manage", "admin"] satisfies Scope[],
          },
          {
            flags: "--expires <duration>",
            description: "how long the token is valid (default: as long as the token that creates it)",
            parse: parseDuration,
          },
          { flags: "--organisation <slug>", description: "organisation of the token (administrators only)" },
          { flags: "--admin", description: "the same as --scope admin" },
        ],
        details:
          "read: look at sandboxes and events. run: also create sandboxes, connect to them, end them. manage: also change what running " +
          "sandboxes may reach, their secrets, and the organisation's tokens. admin: also organisations, and tokens of all of them. " +
          "A token cannot create one with a higher scope or a later expiry than its own.",
        examples: [
          ["sandkeep token create ci --scope run --expires 30d", "for CI: create and end sandboxes"],
          ["sandkeep token create dashboard --scope read", "for a program that only reads"],
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
        summary: "Revoke a token",
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
        summary: "Build the guest image unless it exists",
        options: [{ flags: "--force", description: "build it even if it exists" }],
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
        options: [{ flags: "--dry-run", description: "only show what would be removed" }],
        load: () => import("../commands/images/prune.ts"),
      },
    ],
  },
];
