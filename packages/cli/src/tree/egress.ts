import { collect } from "../values/pair.ts";
import type { CommandSpec } from "./spec.ts";

const DASH = "The id may be left to SANDBOX_ID by giving a dash.";

/** Commands about what a sandbox may reach, its secrets, and what it reached. */
export const egressCommands: CommandSpec = {
  name: "egress",
  aliases: ["net"],
  summary: "See and change what a sandbox may reach, its secrets, and what it reached",
  commands: [
    {
      name: "show",
      args: "[id]",
      summary: "Show what a sandbox may reach, and its secrets without their values",
      examples: [["sandkeep egress show $id", "hosts, rules and secrets"]],
      completes: "sandbox",
      client: true,
      load: () => import("../commands/egress/show.ts"),
    },
    {
      name: "allow",
      args: "<id> [patterns...]",
      summary: "Allow a running sandbox to reach more hosts",
      details: `A change is in force, on open connections too, when the command ends. ${DASH}`,
      options: [
        { flags: "--remove", description: "take the patterns away instead" },
        { flags: "--only", description: "these instead of all that are in the list now; none means nothing" },
        { flags: "--public", description: "no list any more: every public host" },
      ],
      examples: [
        ["sandkeep egress allow $id api.example.com '*.example.net:443'", "two more"],
        ["sandkeep egress allow $id --remove api.example.com", "one less"],
        ["sandkeep egress allow $id --only", "nothing at all from now on"],
      ],
      completes: "sandbox",
      client: true,
      load: () => import("../commands/egress/allow.ts"),
    },
    {
      name: "deny",
      args: "<id> [patterns...]",
      summary: "Keep a running sandbox from hosts, whatever else allows them",
      details: DASH,
      options: [
        { flags: "--remove", description: "take the patterns away instead" },
        { flags: "--only", description: "these instead of all that are in the list now" },
      ],
      examples: [["sandkeep egress deny $id ads.example.net 203.0.113.0/24", "a name and a range of addresses"]],
      completes: "sandbox",
      client: true,
      load: () => import("../commands/egress/deny.ts"),
    },
    {
      name: "rules",
      args: "[id]",
      summary: "Say which requests a running sandbox may send",
      details: "Replaces its request rules by those in a file: a JSON array, described in docs/egress.md.",
      options: [{ flags: "-f, --file <file>", description: "the rules; a dash: standard input" }],
      examples: [
        ["sandkeep egress rules $id --file rules.json", "those of a file"],
        [
          `echo '[{"host":"api.example.com","methods":["GET"]}]' | sandkeep egress rules $id --file -`,
          "only GET to one host",
        ],
        ["echo '[]' | sandkeep egress rules $id --file -", "no rules any more"],
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
          summary: "Add a secret to a running sandbox, or give one another value",
          details:
            "The value comes from standard input, without a line break at its end, or from an environment variable; never from the command line, which others on this " +
            `machine can see. Of a secret that is there, what is left out stays. ${DASH}`,
          options: [
            {
              flags: "--host <host>",
              description: "a host to which it may go: api.example.com, *.example.com (repeat)",
              parse: collect,
            },
            {
              flags: "--in <place>",
              description: "put it into the bodies of requests, too, or (headers) not any more",
              choices: ["body", "headers"],
            },
            {
              flags: "--placeholder <form>",
              description: "what the placeholder of a new one looks like: sk-ant-..., ghp_...{36}, ...{32:hex}",
            },
            { flags: "--value-env <variable>", description: "take the value from this environment variable" },
          ],
          examples: [
            ["sandkeep egress secret set $id API_KEY --host api.example.com < key.txt", "a new one"],
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
          summary: "Take a secret away from a running sandbox",
          details: `Its placeholder means nothing from then on. ${DASH}`,
          examples: [["sandkeep egress secret revoke $id API_KEY", "from now on"]],
          completes: "sandbox",
          client: true,
          load: () => import("../commands/egress/secret-revoke.ts"),
        },
      ],
    },
    {
      name: "export",
      args: "[id]",
      summary: "Write what a sandbox reached, or tried to, to a file",
      details:
        "As JSON Lines (every event), or as HAR (requests only, for tools that read HTTP Archive 1.2). To see it as it happens: `sandkeep events --follow --kind http $id`.",
      options: [
        { flags: "--format <format>", description: "the format (default: jsonl)", choices: ["jsonl", "har"] },
        { flags: "-o, --output <file>", description: "the file; else standard output" },
      ],
      examples: [["sandkeep egress export $id --format har --output traffic.har", "for the browser's developer tools"]],
      completes: "sandbox",
      client: true,
      load: () => import("../commands/egress/export.ts"),
    },
  ],
};
