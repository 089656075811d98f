/** Paths in a host's data folder. */
import { createHash } from "node:crypto";
import { lstatSync, mkdirSync, readlinkSync, rmdirSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { errnoOf } from "@sandkeep/common";
import { isOurs } from "./machines/folder.ts";

/**
 * Longest path of the folder of machines: with a machine's name and a socket's, a path must stay below a socket's 107
 * bytes.
 */
const MAX_RUN_DIR_BYTES = 80;

export interface Layout {
  images: string;
  templates: string;
  /** Machines: disks, sockets, records. */
  run: string;
  /** Disks that outlive machines. */
  disks: string;
  /** Paused machines. */
  paused: string;
  /** The host's id. */
  id: string;
  /** Frequency of this computer's time stamp counter, on which paused machines depend. */
  frequency: string;
  /** Locked by the one process that uses the folder. */
  lock: string;
}

/** Verdicts on KVM: kept with the templates, which depend on the same things and may be shared. */
export function verdictsOf(templatesDir: string): string {
  return join(dirname(resolve(templatesDir)), "acceleration.json");
}

/**
 * Frequency of the time stamp counter with which shared templates were made: a host takes it over, so that it can use
 * them.
 */
export function frequencyOf(templatesDir: string): string {
  return join(dirname(resolve(templatesDir)), "tsc-khz");
}

/** Verdicts on forks: likewise with the templates. */
export function forkVerdictsOf(templatesDir: string): string {
  return join(dirname(resolve(templatesDir)), "forks.json");
}

/**
 * Makes the folders where missing.
 *
 * @throws if the folder of machines is accessible to other users, or its path is too long
 */
export function layout(dataDir: string): Layout {
  const root = resolve(dataDir);
  const folder = (name: string) => join(root, name);
  const paths = {
    images: folder("images"),
    templates: folder("templates"),
    run: folder("run"),
    disks: folder("disks"),
    paused: folder("paused"),
  };
  for (const path of Object.values(paths)) mkdirSync(path, { recursive: true, mode: 0o700 });
  requireOurs(paths.run);
  if (Buffer.byteLength(paths.run) > MAX_RUN_DIR_BYTES) paths.run = shortNameOf(paths.run, root);
  return {
    ...paths,
    id: join(root, "host-id"),
    frequency: join(root, "tsc-khz"),
    lock: join(root, "host.lock"),
  };
}

function requireOurs(run: string): void {
  if (!isOurs(run))
    throw new Error(
      `${run} must be a directory that belongs to this user and is closed to others (mode 0700). Remove it, or choose another data directory.`,
    );
}

/**
 * A short name of the folder of machines: a link among the temporary files. The machines themselves stay in the data
 * folder, because their files become parts of paused machines and snapshots, which a rename or another name must do.
 */
function shortNameOf(run: string, root: string): string {
  const name = join(tmpdir(), `sandkeep-${createHash("sha256").update(root).digest("hex").slice(0, 16)}`);
  if (Buffer.byteLength(name) > MAX_RUN_DIR_BYTES)
    throw new Error(
      `The data directory's path is too long for unix sockets, and so is that of ${tmpdir()}: choose a shorter data directory, or a shorter TMPDIR.`,
    );
  try {
    // Earlier versions had a folder there.
    rmdirSync(name);
  } catch {
    // There is none, or it has machines of such a version, which go on.
  }
  try {
    symlinkSync(run, name);
  } catch (error) {
    if (errnoOf(error) !== "EEXIST") throw error;
  }
  // In a world-writable folder, another user may have created it first.
  const stat = lstatSync(name);
  if (!stat.isSymbolicLink()) requireOurs(name);
  else if (stat.uid !== process.getuid!() || readlinkSync(name) !== run)
    throw new Error(
      `${name} must be a link to ${run} that belongs to this user. Remove it, or choose another data directory.`,
    );
  return name;
}
