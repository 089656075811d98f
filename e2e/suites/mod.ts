import type { Suite } from "../harness/sdk.ts";
import apps from "./apps.ts";
import commands from "./commands.ts";
import deno from "./deno.ts";
import directories from "./directories.ts";
import doors from "./doors.ts";
import environment from "./environment.ts";
import fileHandles from "./file-handles.ts";
import files from "./files.ts";
import lifecycle from "./lifecycle.ts";
import machine from "./machine.ts";
import mounts from "./mounts.ts";
import processes from "./processes.ts";
import refusals from "./refusals.ts";
import requests from "./requests.ts";
import roots from "./roots.ts";
import sideBySide from "./side-by-side.ts";
import transfer from "./transfer.ts";
import volumes from "./volumes.ts";
import walking from "./walking.ts";

/** Everything that runs with both clients. */
export const suites: Record<string, Suite> = {
  machine,
  lifecycle,
  refusals,
  files,
  "directories and links": directories,
  "file handles": fileHandles,
  "walk and expandGlob": walking,
  "uploads and downloads": transfer,
  processes,
  commands,
  environment,
  deno,
  requests,
  doors,
  apps,
  volumes,
  "volumes in sandboxes": mounts,
  "volumes and snapshots as roots": roots,
  "side by side": sideBySide,
};
