import { parseBytes } from "../values/bytes.ts";
import type { CommandSpec, OptionSpec } from "./spec.ts";

const KEPT = "Its data is kept for a day (or what the server's configuration says), and `restore` brings it back.";

const deleted: OptionSpec = { flags: "--deleted", description: "those that are deleted and can be restored" };
const now: OptionSpec = {
  flags: "--now",
  description: "remove the data at once; those deleted already are named by id (needs the scope manage)",
};
const slug: OptionSpec = { flags: "--slug <slug>", description: "its new slug, if the old one has been taken" };

/** Commands about volumes. */
const volumeCommands: CommandSpec = {
  name: "volumes",
  aliases: ["volume"],
  summary: "Create, attach and delete volumes: disks that outlive sandboxes",
  details: "Volumes are named by id or slug.",
  commands: [
    {
      name: "list",
      aliases: ["ls"],
      args: "[search]",
      summary: "List volumes",
      options: [deleted],
      examples: [["sandkeep volumes list", "list all of them, and who uses them"]],
      client: true,
      load: () => import("../commands/volumes/list.ts"),
    },
    {
      name: "create",
      aliases: ["new"],
      args: "<slug>",
      summary: "Create a volume",
      details: "Prints the volume's id.",
      options: [
        { flags: "--capacity <size>", description: "its size: 2GiB, 500MB or a number of bytes", parse: parseBytes },
        {
          flags: "--from <content>",
          description: "builtin:debian-13 or a snapshot, for a bootable volume (default: empty)",
        },
        { flags: "--region <region>", description: "its region (default: the server's)" },
      ],
      examples: [
        ["sandkeep volumes create data --capacity 2GiB", "an empty volume"],
        ["sandkeep volumes create root --capacity 10GB --from builtin:debian-13", "a copy of the base image"],
      ],
      client: true,
      load: () => import("../commands/volumes/create.ts"),
    },
    {
      name: "show",
      args: "<volume>",
      summary: "Show a volume and who uses it",
      examples: [["sandkeep volumes show data", "its sizes, its origin and its sandbox"]],
      client: true,
      load: () => import("../commands/volumes/show.ts"),
    },
    {
      name: "snapshot",
      args: "<volume> <slug>",
      summary: "Take a snapshot of a volume",
      details: "Prints the snapshot's id.",
      examples: [["sandkeep volumes snapshot data data-monday", "keep what is in it now"]],
      client: true,
      load: () => import("../commands/snapshots/create.ts"),
    },
    {
      name: "grow",
      args: "<volume> <capacity>",
      summary: "Make a volume larger, also while it is in use",
      examples: [["sandkeep volumes grow data 4GiB", "it cannot shrink again"]],
      client: true,
      load: () => import("../commands/volumes/grow.ts"),
    },
    {
      name: "attach",
      args: "<volume> <id> <path>",
      summary: "Mount a volume in a running sandbox",
      options: [{ flags: "--read-only", description: "the sandbox cannot change it" }],
      examples: [["sandkeep volumes attach data $id /data", "mount it at /data"]],
      client: true,
      load: () => import("../commands/volumes/attach.ts"),
    },
    {
      name: "detach",
      args: "<volume>",
      summary: "Unmount a volume and take it from its sandbox",
      options: [{ flags: "--force", description: "also if programs use it: their open files fail" }],
      examples: [["sandkeep volumes detach data", "free it for another sandbox"]],
      client: true,
      load: () => import("../commands/volumes/detach.ts"),
    },
    {
      name: "delete",
      aliases: ["rm"],
      args: "<volumes...>",
      summary: "Delete volumes",
      details: KEPT,
      options: [now],
      examples: [
        ["sandkeep volumes delete data", "delete it; its slug is free at once"],
        ["sandkeep volumes delete data --now", "remove its data, too"],
      ],
      client: true,
      load: () => import("../commands/volumes/delete.ts"),
    },
    {
      name: "restore",
      args: "<volume>",
      summary: "Restore a deleted volume",
      options: [slug],
      examples: [["sandkeep volumes restore data --slug data-again", "under another name"]],
      client: true,
      load: () => import("../commands/volumes/restore.ts"),
    },
    {
      name: "export",
      args: "<volume> <file>",
      summary: "Save the content of a volume or snapshot as one compressed file",
      details: "Of a volume, a snapshot is taken first, and removed afterwards.",
      examples: [["sandkeep volumes export data data.disk.zst", "as a backup, or for another server"]],
      client: true,
      load: () => import("../commands/volumes/export.ts"),
    },
    {
      name: "import",
      args: "<file> <slug>",
      summary: "Create a volume from an exported file",
      details: "Prints the volume's id. A file that was changed or cut off leaves nothing.",
      options: [{ flags: "--region <region>", description: "its region (default: the server's)" }],
      examples: [["sandkeep volumes import data.disk.zst data-again", "with the content that was exported"]],
      client: true,
      load: () => import("../commands/volumes/import.ts"),
    },
  ],
};

/** Commands about snapshots. */
const snapshotCommands: CommandSpec = {
  name: "snapshots",
  aliases: ["snapshot"],
  summary: "Create, list and delete snapshots: what was on a disk at one moment",
  details: "Snapshots are named by id or slug.",
  commands: [
    {
      name: "list",
      aliases: ["ls"],
      args: "[search]",
      summary: "List snapshots",
      options: [deleted],
      examples: [["sandkeep snapshots list", "list all of them"]],
      client: true,
      load: () => import("../commands/snapshots/list.ts"),
    },
    {
      name: "create",
      aliases: ["new"],
      args: "<source> <slug>",
      summary: "Take a snapshot of a volume, or of a running sandbox's disk",
      details: "Prints the snapshot's id. The source is a volume, or the id of a sandbox.",
      examples: [
        ["sandkeep snapshots create data data-monday", "of a volume"],
        ["sandkeep snapshots create $id as-it-is", "of a sandbox: `sandkeep run --root as-it-is` continues from there"],
      ],
      client: true,
      load: () => import("../commands/snapshots/create.ts"),
    },
    {
      name: "show",
      args: "<snapshot>",
      summary: "Show a snapshot",
      examples: [["sandkeep snapshots show data-monday", "its sizes and its origin"]],
      client: true,
      load: () => import("../commands/snapshots/show.ts"),
    },
    {
      name: "delete",
      aliases: ["rm"],
      args: "<snapshots...>",
      summary: "Delete snapshots",
      details: KEPT,
      options: [now],
      examples: [["sandkeep snapshots delete data-monday", "delete it, unless volumes or sandboxes depend on it"]],
      client: true,
      load: () => import("../commands/snapshots/delete.ts"),
    },
    {
      name: "restore",
      args: "<snapshot>",
      summary: "Restore a deleted snapshot",
      options: [slug],
      examples: [["sandkeep snapshots restore data-monday", "under the same name"]],
      client: true,
      load: () => import("../commands/snapshots/restore.ts"),
    },
    {
      name: "export",
      args: "<snapshot> <file>",
      summary: "Save the content of a snapshot as one compressed file",
      details: "`sandkeep volumes import` makes a volume of it, on any server.",
      examples: [["sandkeep snapshots export data-monday data-monday.disk.zst", "as a backup"]],
      client: true,
      load: () => import("../commands/volumes/export.ts"),
    },
  ],
};

export const storageCommands: CommandSpec[] = [volumeCommands, snapshotCommands];
