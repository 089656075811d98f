import { SerialQueue } from "@sandkeep/common";
import { DiskError, GuestError, type Machine } from "@sandkeep/host";
import {
  type Actor,
  ApiError,
  type EventBody,
  type Mount,
  type SandboxVolume,
  VOLUMES_PER_SANDBOX,
} from "@sandkeep/protocol";
import type { AttachedDisk } from "@sandkeep/store";
import type { StorageContext } from "../storage/context.ts";
import type { SnapshotSource } from "../storage/create.ts";
import { findDisk, storageFailure } from "../storage/failures.ts";
import { attachedDisk, checkRegion, diskName, diskSpec, disksRefusal } from "../storage/sandbox-disks.ts";

export interface SandboxVolumesOptions {
  sandbox: string;
  organisation: string;
  machine: Machine;
  /** Id of the machine's host. */
  host: string;
  /** What it has already. */
  attached: readonly AttachedDisk[];
  storage: StorageContext;
  isEnding(): boolean;
  publish(actor: Actor, body: EventBody): void;
}

/** The volumes of a running sandbox. Changes are made one at a time. */
export class SandboxVolumes {
  readonly #options: SandboxVolumesOptions;
  readonly #queue = new SerialQueue();
  #attached: AttachedDisk[];
  /** Whether it is getting one: others may not have that until the machine is gone. */
  #attaching = false;

  constructor(options: SandboxVolumesOptions) {
    this.#options = options;
    this.#attached = [...options.attached];
  }

  /** Whether it has any disk that must be released at its end. */
  get any(): boolean {
    return this.#attached.length > 0 || this.#attaching;
  }

  /** Does something during which no volume comes or goes. */
  quietly<Result>(task: (attached: readonly AttachedDisk[]) => Promise<Result>): Promise<Result> {
    return this.#queue.run(() => task(this.#attached));
  }

  /** For a snapshot of its disk. */
  get root(): SnapshotSource {
    const { sandbox: id, machine, host, storage } = this.#options;
    const root = this.#attached.find(({ path, exclusive }) => path === null && exclusive);
    return {
      id,
      region: storage.region,
      host,
      root: root ? { id: root.disk, slug: root.slug } : null,
      snapshotRoot: (snapshot) => machine.snapshotRoot(snapshot),
    };
  }

  /** Those that are mounted. */
  get all(): SandboxVolume[] {
    return this.#attached.flatMap(({ disk: id, slug, path, readOnly }) =>
      path === null ? [] : [{ volume: { id, slug }, path, readOnly }],
    );
  }

  /** Reports those of a new sandbox. */
  reportAttached(actor: Actor): void {
    for (const one of this.#volumes()) this.#publishAttached(actor, one);
  }

  /** Reports, at its end, that they are free. */
  reportReleased(actor: Actor): void {
    for (const one of this.#volumes()) this.#publishDetached(actor, one);
  }

  /**
   * Attaches a volume and mounts it.
   *
   * @throws {ApiError} `VOLUME_NOT_FOUND`, `VOLUME_IN_USE`, `INVALID_REQUEST`
   */
  attach(mount: Mount, actor: Actor): Promise<SandboxVolume> {
    return this.#queue.run(() => this.#attach(mount, actor));
  }

  /**
   * Unmounts a volume and detaches it.
   *
   * @param force Also if programs use it.
   * @throws {ApiError} `VOLUME_NOT_ATTACHED`, `VOLUME_BUSY`
   */
  detach(idOrSlug: string, actor: Actor, force = false): Promise<void> {
    return this.#queue.run(() => this.#detach(idOrSlug, actor, force));
  }

  async #attach(mount: Mount, actor: Actor): Promise<SandboxVolume> {
    const { sandbox, organisation, machine, host, storage } = this.#options;
    this.#requireRunning();
    const volume = await findDisk(storage.disks, organisation, "volume", mount.volume);
    checkRegion(storage, volume);
    if (volume.host !== host)
      throw new ApiError("INVALID_REQUEST", `The volume ${volume.slug} is on another computer than the sandbox.`);
    if (this.all.length >= VOLUMES_PER_SANDBOX)
      throw new ApiError("INVALID_REQUEST", `The sandbox has ${VOLUMES_PER_SANDBOX} volumes already.`);
    if (this.all.some(({ path }) => path === mount.path))
      throw new ApiError("INVALID_REQUEST", `Another volume is mounted at ${mount.path}.`);
    const { path, readOnly } = mount;
    const one = attachedDisk(sandbox, volume, mount);
    let claimed = false;
    this.#attaching = true;
    try {
      await storage.holders.outliving([volume.id], () => storage.disks.attach(sandbox, one));
      claimed = true;
      this.#requireRunning();
      await machine.attach(diskSpec(volume, mount));
    } catch (cause) {
      if (claimed) await storage.disks.detach(sandbox, volume.id);
      this.#requireRunning();
      const error =
        cause instanceof GuestError
          ? new ApiError("INVALID_REQUEST", `The volume ${volume.slug} cannot be mounted at ${path}: ${cause.message}.`)
          : await disksRefusal(storage, organisation, [one], cause);
      this.#publishAttached(actor, one, error);
      throw error;
    } finally {
      this.#attaching = false;
    }
    this.#attached.push(one);
    this.#publishAttached(actor, one);
    return { volume: { id: volume.id, slug: volume.slug }, path, readOnly };
  }

  async #detach(idOrSlug: string, actor: Actor, force: boolean): Promise<void> {
    const { sandbox, machine, storage } = this.#options;
    this.#requireRunning();
    const one = this.#attached.find(
      ({ disk, slug, path }) => path !== null && (disk === idOrSlug || slug === idOrSlug),
    );
    if (!one)
      throw new ApiError(
        "VOLUME_NOT_ATTACHED",
        `No volume ${JSON.stringify(idOrSlug.slice(0, 64))} is mounted in the sandbox.`,
      );
    try {
      await machine.detach(diskName(one.disk), { force });
    } catch (cause) {
      this.#requireRunning();
      // The machine never got it: the server was killed in between.
      if (!(cause instanceof DiskError && cause.code === "UNKNOWN_DISK")) {
        const error =
          cause instanceof GuestError
            ? new ApiError("VOLUME_BUSY", `The volume ${one.slug} cannot be unmounted: ${cause.message}.`)
            : storageFailure(cause);
        this.#publishDetached(actor, one, error);
        throw error;
      }
    }
    await storage.disks.detach(sandbox, one.disk);
    this.#attached = this.#attached.filter((other) => other !== one);
    this.#publishDetached(actor, one);
  }

  /** @throws {ApiError} `SANDBOX_NOT_FOUND` */
  #requireRunning(): void {
    if (this.#options.isEnding()) throw new ApiError("SANDBOX_NOT_FOUND");
  }

  #volumes(): AttachedDisk[] {
    return this.#attached.filter(({ exclusive }) => exclusive);
  }

  #publishAttached(actor: Actor, { disk, slug, path, readOnly }: AttachedDisk, error?: unknown): void {
    const data = { volume: disk, slug, path, readOnly, ...failure(error) };
    this.#options.publish(actor, { kind: "volume.attached", outcome: error === undefined ? "ok" : "failed", data });
  }

  #publishDetached(actor: Actor, { disk, slug, path }: AttachedDisk, error?: unknown): void {
    const data = { volume: disk, slug, path, ...failure(error) };
    this.#options.publish(actor, { kind: "volume.detached", outcome: error === undefined ? "ok" : "failed", data });
  }
}

const failure = (error: unknown) =>
  error === undefined ? {} : { error: error instanceof ApiError ? error.code : "INTERNAL" };
