import type { CommandSpec } from "./spec.ts";

/** Commands about files. */
export const fileCommands: CommandSpec[] = [
  {
    name: "cp",
    aliases: ["copy"],
    args: "<paths...>",
    summary: "Copy files and directories into, out of and between sandboxes",
    details:
      "The last path is where to; the others are what. `id:path` is a path in a sandbox (relative ones start at /home/app); " +
      "`:path` is in SANDBOX_ID. Into a directory that exists, the copy goes under its own name; of a directory " +
      "that ends with `/.` goes what is in it. Directories keep modes, times and links. Globs in a sandbox are expanded there: quote them.",
    examples: [
      ["sandkeep cp src $id:/app", "a directory into a sandbox"],
      ["sandkeep cp $id:result.json .", "a file out of it"],
      ['sandkeep cp "$id:*.log" logs/', "several, matched in the sandbox"],
      ["sandkeep cp $a:/app $b:/app", "from one sandbox to another"],
    ],
    completes: "file",
    client: true,
    load: () => import("../commands/sandboxes/cp.ts"),
  },
];
