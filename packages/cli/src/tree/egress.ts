import { collect } from "../values/pair.ts";
import type { CommandSpec } from "./spec.ts";

const DASH = "Pass - as the id to use SANDBOX_ID.";

/** Commands about what a sandbox may reach, its secrets, and what it reached. */
export const egressCommands: CommandSpec = {
  name: "egress",
  aliases: ["net"],
  summary: "See and change what a sandbox may reach, its secrets, and what it has reached",
  commands: [
    {
      name: "show",
      args: "[id]",
      summary: "Show what a sandbox may reach, and the names of its secrets",
      examples: [["sandkeep egress show $id", "hosts, rules and names of secrets"]],
      completes: "sandbox",
      client: true,
      load: () => import("../commands/egress/show.ts"),
    },
    {
      name: "allow",
      args: "<id> [patterns...]",
      summary: "Allow a running sandbox to reach more hosts",
      details: `When the command returns, the change is in effect, also on open connections. ${DASH}`,
      options: [
        { flags: "--remove", description: "remove the patterns instead" },
        { flags: "--only", description: "replace the list; without patterns, allow nothing" },
        { flags: "--public", description: "remove the list: allow every public host" },
      ],
      examples: [
        ["sandkeep egress allow $id api.example.com '*.example.net:443'", "allow two more"],
        ["sandkeep egress allow $id --remove api.example.com", "allow one less"],
        ["sandkeep egress allow $id --only", "allow nothing from now on"],
      ],
      completes: "sandbox",
      client: true,
      load: () => import("../commands/egress/allow.ts"),
    },
    {
      name: "deny",
      args: "<id> [patterns...]",
      summary: "Deny hosts to a running sandbox, even if they are allowed",
      details: DASH,
      options: [
        { flags: "--remove", description: "remove the patterns instead" },
        { flags: "--only", description: "replace the list" },
      ],
      examples: [["sandkeep egress deny $id ads.example.net 203.0.113.0/24", "deny a name and a range of addresses"]],
      completes: "sandbox",
      client: true,
      load: () => import("../commands/egress/deny.ts"),
    },
    {
      name: "rules",
      args: "[id]",
      summary: "Set which requests a running sandbox may send",
      details: "Replaces its request rules with those in a file: a JSON array, described in docs/egress.md.",
      options: [{ flags: "-f, --file <file>", description: "the file with the rules; - for standard input" }],
      examples: [
        ["sandkeep egress rules $id --file rules.json", "use the rules in a file"],
        [
          `echo '[{"host":"api.example.com","methods":["GET"]}]' | sandkeep egress rules $id --file -`,
          "allow only GET to one host",
        ],
        ["echo '[]' | sandkeep egress rules $id --file -", "remove all rules"],
      ],
      completes: "sandbox",
      client: true,
      load: () => import("../commands/egress/rules.ts"),
    },
    {
      name: "secret",
      summary: "Add, rotate and revoke secrets of a running sandbox",
      commands: [
        {
          name: "set",
          args: "<id> <name>",
          summary: "Add a secret to a running sandbox, or change one",
          details:
            "The value comes from standard input (a line break at its end is removed) or from an environment variable, never from the command line, which others on this " +
            `machine can see. If the secret exists, what you leave out stays as it is. ${DASH}`,
          options: [
            {
              flags: "--host <host>",
              description: "a host that may get the value: api.example.com, *.example.com (repeat)",
              parse: collect,
            },
            {
              flags: "--in <place>",
              description: "body: also insert the value into request bodies; headers: stop doing so",
              choices: ["body", "headers"],
            },
            {
              flags: "--placeholder <format>",
              description: "placeholder format of a new secret: sk-ant-..., ghp_...{36}, ...{32:hex}",
            },
            { flags: "--value-env <variable>", description: "read the value from this environment variable" },
          ],
          examples: [
            ["sandkeep egress secret set $id API_KEY --host api.example.com < key.txt", "add it"],
            ["sandkeep egress secret set $id API_KEY --value-env NEW_KEY", "rotate it"],
          ],
          completes: "sandbox",
          client: true,
          load: () => import("../commands/egress/secret-set.ts"),
        },
        {
          name: "revoke",
          aliases: ["rm"],
          args: "<id> <name>",
          summary: "Revoke a secret of a running sandbox",
          details: `From then on its placeholder means nothing. ${DASH}`,
          examples: [["sandkeep egress secret revoke $id API_KEY", "revoke it"]],
          completes: "sandbox",
          client: true,
          load: () => import("../commands/egress/secret-revoke.ts"),
        },
      ],
    },
    {
      name: "export",
      args: "[id]",
      summary: "Export what a sandbox reached, or tried to reach",
      details:
        "Exports JSON Lines (every event) or HAR (only requests, for tools that read HTTP Archive 1.2). To watch live, use `sandkeep events --follow --kind http $id`.",
      options: [
        { flags: "--format <format>", description: "output format (default: jsonl)", choices: ["jsonl", "har"] },
        { flags: "-o, --output <file>", description: "file to write to (default: standard output)" },
      ],
      examples: [
        ["sandkeep egress export $id --format har --output traffic.har", "open it in a browser's developer tools"],
      ],
      completes: "sandbox",
      client: true,
      load: () => import("../commands/egress/export.ts"),
    },
  ],
};
