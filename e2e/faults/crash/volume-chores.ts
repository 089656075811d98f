/** What users do with volumes and snapshots. */
import type { FsFile } from "sandkeep";
import { Chore } from "./chore.ts";
import type { Crash } from "./crash.ts";
import type { Ledger } from "./ledger.ts";

/** Snapshots that are taken of a volume in a round: its chain has a limit. */
const SNAPSHOTS_PER_ROUND = 2;
/** Of these are kept. */
const MOST_SNAPSHOTS = 3;
export const CAPACITY = "300MB";

/** A sandbox writes to two volumes, one mounted in the other. */
export class Writing extends Chore {
  readonly ledgers: readonly [Ledger, Ledger];
  #logs!: [FsFile, FsFile];

  constructor(...ledgers: [Ledger, Ledger]) {
    super();
    this.ledgers = ledgers;
  }

  protected override async prepare(): Promise<void> {
    if (this.sandbox) return;
    const [one, two] = this.ledgers;
    const sandbox = (this.sandbox = await this.create({ "/one": one.volume, "/one/two": two.volume }));
    await this.#open();
    // Not synced, and removed again: space is taken and given back meanwhile.
    if (this.scene.random.chance(0.5))
      await sandbox.spawn("bash", {
        args: ["-c", "while :; do head -c 3M /dev/urandom > /one/noise; rm /one/noise; sleep 0.1; done"],
        stdout: "null",
        stderr: "null",
      });
  }

  async step(): Promise<void> {
    const [one, two] = this.ledgers;
    await Promise.all([one.append(this.#logs[0]), two.append(this.#logs[1])]);
  }

  protected override async goOn({ what }: Crash): Promise<void> {
    if (what !== "machines") await this.#open();
  }

  async #open(): Promise<void> {
    const [one, two] = this.ledgers;
    this.#logs = await Promise.all([one.open(this.sandbox!, "/one"), two.open(this.sandbox!, "/one/two")]);
  }
}

/** A volume comes to a sandbox and goes, and is written meanwhile. */
export class Moving extends Chore {
  readonly ledger: Ledger;

  constructor(ledger: Ledger) {
    super();
    this.ledger = ledger;
  }

  protected override async prepare(): Promise<void> {
    this.sandbox ??= await this.create();
  }

  async step(): Promise<void> {
    await this.sandbox!.volumes.attach(this.ledger.volume, "/three");
    await this.#visit();
  }

  /** The server may have been killed while the volume was there, or on its way. */
  protected override async goOn({ what }: Crash): Promise<void> {
    if (what === "machines") return;
    const attached = await this.sandbox!.volumes.list();
    if (attached.length > 0) await this.#visit();
  }

  async #visit(): Promise<void> {
    {
      await using log = await this.ledger.open(this.sandbox!, "/three");
      await this.ledger.append(log);
    }
    await this.sandbox!.volumes.detach(this.ledger.volume);
  }
}

/** Sandboxes with a volume come and go. */
export class Visiting extends Chore {
  readonly ledger: Ledger;

  constructor(ledger: Ledger) {
    super();
    this.ledger = ledger;
  }

  async step(): Promise<void> {
    const sandbox = await this.create({ "/four": this.ledger.volume });
    {
      await using log = await this.ledger.open(sandbox, "/four");
      await this.ledger.append(log);
    }
    await sandbox.kill();
  }
}

/** Snapshots are taken of a volume that is written, and deleted. */
export class Snapshotting extends Chore {
  /** Those that were confirmed and that nobody has begun to delete, with the bytes that they have at least. */
  readonly taken: { slug: string; least: number }[] = [];
  readonly writing: Writing;
  #inRound = 0;

  constructor(writing: Writing) {
    super();
    this.writing = writing;
  }

  protected override async prepare(): Promise<void> {
    this.#inRound = 0;
  }

  async step(): Promise<void | false> {
    const { client, slug } = this.scene;
    if (this.#inRound++ === SNAPSHOTS_PER_ROUND) return false;
    const [ledger] = this.writing.ledgers;
    const least = ledger.confirmed;
    const snapshot = await client.volumes.snapshot(ledger.volume, { slug: slug("snap") });
    this.taken.push({ slug: snapshot.slug, least });
    if (this.taken.length > MOST_SNAPSHOTS) await client.snapshots.delete(this.taken.shift()!.slug);
  }

  /** When the sandbox that writes ends, or the server. */
  override mayFail(crash: Crash): boolean {
    return this.writing.mayFail(crash);
  }
}

/** Volumes are created, grown, deleted, restored and removed. */
export class Turnover extends Chore {
  /** A volume that was confirmed, and that nobody has begun to delete. */
  made: string | undefined;

  async step(): Promise<void> {
    const { client, random, slug } = this.scene;
    const volume = await client.volumes.create({ slug: slug("new"), region: "ord", capacity: CAPACITY });
    this.made = volume.id;
    if (random.chance(0.3)) await client.volumes.grow(volume.id, "400MB");
    const snapshot = random.chance(0.5) && (await client.volumes.snapshot(volume.id, { slug: slug("of-new") }));
    this.made = undefined;
    await client.volumes.delete(volume.id);
    if (random.chance(0.3)) await client.volumes.restore(volume.id);
    if (snapshot) await client.snapshots.delete(snapshot.id, { now: true });
    if (random.chance(0.7)) await client.volumes.delete(volume.id, { now: true });
  }
}
