import type { CommandSpec } from "./spec.ts";

/** Commands about files. */
export const fileCommands: CommandSpec[] = [
  {
    name: "cp",
    aliases: ["copy"],
    args: "<paths...>",
    summary: "Copy files and directories into, out of and between sandboxes",
    details:
      "The last path is the destination; the others are the sources. `id:path` is a path in a sandbox, relative to /home/app; " +
      "`:path` is in the sandbox that SANDBOX_ID names. If the destination is a directory that exists, the copy goes into it under its own name. " +
      "A source directory that ends with `/.` stands for its contents. Directories keep modes, times and links. Globs are expanded in the sandbox: quote them.",
    examples: [
      ["sandkeep cp src $id:/app", "copy a directory into a sandbox"],
      ["sandkeep cp $id:result.json .", "copy a file out of it"],
      ['sandkeep cp "$id:*.log" logs/', "copy several, matched in the sandbox"],
      ["sandkeep cp $a:/app $b:/app", "copy from one sandbox to another"],
    ],
    completes: "file",
    client: true,
    load: () => import("../commands/sandboxes/cp.ts"),
  },
];
