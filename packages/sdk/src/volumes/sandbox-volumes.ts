import { path, type Rest } from "../rest/rest.ts";
import type { VolumeId, VolumeSlug } from "./types.ts";

/** A volume that is mounted in a sandbox. */
export interface MountedVolume {
  /** Which volume. */
  volume: { id: VolumeId; slug: VolumeSlug };
  /** Where it is mounted. */
  path: string;
  /** Whether the sandbox can only read it. */
  readOnly: boolean;
}

/**
 * Sandkeep's own: the volumes of a running sandbox. Every call rejects with `ApiError` and `NetworkError`.
 *
 * @example
 * ```ts
 * import { Client, Sandbox } from "sandkeep";
 * import assert from "node:assert/strict";
 *
 * const { volumes } = new Client();
 * const volume = await volumes.create({ slug: "attach-me", region: "ord", capacity: "300MB" });
 * await using sandbox = await Sandbox.create();
 * await sandbox.volumes.attach(volume.slug, "/data");
 * await sandbox.fs.writeTextFile("/data/note.txt", "kept");
 * assert.deepEqual((await sandbox.volumes.list()).map(({ path }) => path), ["/data"]);
 * await sandbox.volumes.detach(volume.slug);
 * await volumes.delete(volume.id);
 * ```
 */
export interface SandboxVolumes {
  /** The volumes that are mounted now. */
  list(): Promise<MountedVolume[]>;
  /**
   * Attaches a volume that no sandbox uses, and mounts it. A sandbox has at most eight. Rejects with `VOLUME_IN_USE`, which
   * names the sandbox that has it.
   */
  attach(volume: VolumeId | VolumeSlug, path: string, options?: { readOnly?: boolean }): Promise<MountedVolume>;
  /**
   * Unmounts a volume, after everything is written to it, and detaches it. Rejects with `VOLUME_BUSY` if programs use it;
   * with `force`, their open files fail instead.
   */
  detach(volume: VolumeId | VolumeSlug, options?: { force?: boolean }): Promise<void>;
}

/** Implements {@linkcode SandboxVolumes} over the REST API. */
export class RemoteSandboxVolumes implements SandboxVolumes {
  readonly #rest: Rest;
  readonly #sandboxId: string;

  constructor(rest: Rest, sandboxId: string) {
    this.#rest = rest;
    this.#sandboxId = sandboxId;
  }

  list(): Promise<MountedVolume[]> {
    return this.#rest.json("GET", this.#path());
  }

  attach(volume: string, mountPath: string, { readOnly }: { readOnly?: boolean } = {}): Promise<MountedVolume> {
    return this.#rest.json("POST", this.#path(), { body: { volume, path: mountPath, read_only: readOnly } });
  }

  detach(volume: string, { force }: { force?: boolean } = {}): Promise<void> {
    return this.#rest.none("DELETE", `${this.#path()}${path`/${volume}`}`, {
      query: { force: force ? "true" : undefined },
    });
  }

  #path(): string {
    return path`/api/v1/sandboxes/${this.#sandboxId}/volumes`;
  }
}
