import type { Apps } from "../apps/apps.ts";
import type { Layers } from "../apps/layers.ts";
import { AppsResource } from "../apps/resources/apps.ts";
import { LayersResource } from "../apps/resources/layers.ts";
import { RevisionsResource } from "../apps/resources/revisions.ts";
import { TimelinesResource } from "../apps/resources/timelines.ts";
import type { Revisions } from "../apps/revisions.ts";
import type { Timelines } from "../apps/timelines.ts";
import { restFor } from "../rest/rest.ts";
import type { BaseClientOptions } from "../rest/settings.ts";
import { SnapshotsResource } from "../volumes/resources/snapshots.ts";
import { VolumesResource } from "../volumes/resources/volumes.ts";
import type { Snapshots, Volumes } from "../volumes/volumes.ts";
import type { Sandboxes } from "./sandboxes.ts";
import { SandboxesResource } from "./sandboxes-resource.ts";

/**
 * What an organisation owns: its sandboxes, volumes, snapshots and apps.
 *
 * @example
 * ```ts
 * import { Client } from "sandkeep";
 *
 * const client = new Client(); // token and server from the environment
 * for (const { id, status, createdAt } of await client.sandboxes.list()) {
 *   console.log(id, status, createdAt.toISOString());
 * }
 * ```
 */
export class Client {
  readonly #apps: Apps;
  readonly #layers: Layers;
  readonly #revisions: Revisions;
  readonly #sandboxes: Sandboxes;
  readonly #snapshots: Snapshots;
  readonly #timelines: Timelines;
  readonly #volumes: Volumes;

  /** Throws `MissingTokenError`, `MissingOrgError` and `InvalidApiEndpoint`. Sends no request yet. */
  constructor(options: BaseClientOptions = {}) {
    const rest = restFor(options);
    this.#apps = new AppsResource(rest);
    this.#layers = new LayersResource(rest);
    this.#revisions = new RevisionsResource(rest);
    this.#sandboxes = new SandboxesResource(rest, options);
    this.#snapshots = new SnapshotsResource(rest);
    this.#timelines = new TimelinesResource(rest);
    this.#volumes = new VolumesResource(rest);
  }

  /** The organisation's apps. */
  get apps(): Apps {
    return this.#apps;
  }

  /** The organisation's volumes. */
  get volumes(): Volumes {
    return this.#volumes;
  }

  /** The organisation's snapshots. */
  get snapshots(): Snapshots {
    return this.#snapshots;
  }

  /** The revisions of its apps. */
  get revisions(): Revisions {
    return this.#revisions;
  }

  /** The timelines of its apps. */
  get timelines(): Timelines {
    return this.#timelines;
  }

  /** The organisation's sandboxes. */
  get sandboxes(): Sandboxes {
    return this.#sandboxes;
  }

  /** The organisation's layers. */
  get layers(): Layers {
    return this.#layers;
  }
}
