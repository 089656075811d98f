import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import type { FsFile, Sandbox } from "sandkeep";
import { encode } from "../../harness/bytes.ts";

/** Bytes of a record besides its number. With this many, a volume's tables grow every few records. */
const RECORD_BYTES = 3_000;

/** A log on a volume: what was handed to the guest, and what of it the guest has confirmed to be on disk. */
export class Ledger {
  /** The volume's slug. */
  readonly volume: string;
  /** Confirmed. */
  #durable = "";
  /** Handed over and not confirmed: it may be there. */
  #pending = "";
  #count = 0;
  /** Something was killed since the log was last read. */
  #isDoubtful = false;

  constructor(volume: string) {
    this.volume = volume;
  }

  /** How much is confirmed, in bytes. */
  get confirmed(): number {
    return this.#durable.length;
  }

  /** Something was killed: the log is read before it is written again. */
  doubt(): void {
    this.#isDoubtful = true;
  }

  /** Opens the log in a folder where the volume is mounted. */
  async open(sandbox: Sandbox, mount: string): Promise<FsFile> {
    if (this.#isDoubtful) await this.check(sandbox, mount);
    return await sandbox.fs.open(`${mount}/log`, { append: true, create: true });
  }

  /** Writes a record; resolves when it is on disk. */
  async append(log: FsFile): Promise<void> {
    const record = `${this.#count++} ${randomBytes(RECORD_BYTES).toString("base64")}\n`;
    this.#pending += record;
    await log.write(encode(record));
    await log.syncData();
    this.#durable += this.#pending;
    this.#pending = "";
  }

  /** Checks what is on the volume. From then on, that is what is confirmed. */
  async check(sandbox: Sandbox, mount: string): Promise<void> {
    const found = await read(sandbox, mount);
    const lost = this.#durable.length - commonLength(found, this.#durable);
    assert.equal(lost, 0, `${this.volume}: ${lost} confirmed bytes of ${this.#durable.length} are gone or changed`);
    assert.ok(
      isPart(found.slice(this.#durable.length), this.#pending),
      `${this.volume} has what was never written to it`,
    );
    this.#durable = found;
    this.#pending = "";
    this.#isDoubtful = false;
  }

  /** Checks a copy that was made when `least` bytes were confirmed. Call it after {@link check}. */
  async checkCopy(sandbox: Sandbox, mount: string, least: number): Promise<void> {
    const found = await read(sandbox, mount);
    assert.ok(found.length >= least, `a copy of ${this.volume} has ${found.length} bytes of ${least}`);
    assert.ok(this.#durable.startsWith(found), `a copy of ${this.volume} has what was never written`);
  }
}

/** The log's content, which is on disk from then on; empty if there is no log. */
function read(sandbox: Sandbox, mount: string): Promise<string> {
  const log = `${mount}/log`;
  return sandbox.sh`test ! -e ${log} || { sync ${log}; cat ${log}; }`.text();
}

/**
 * Whether `rest` may be what is left of `pending`. Ext4 records a file's new size before the bytes that it adds to the file's last block, so
 * bytes that were never synced may be zero.
 */
function isPart(rest: string, pending: string): boolean {
  if (rest.length > pending.length) return false;
  for (let at = 0; at < rest.length; at++) if (rest[at] !== pending[at] && rest[at] !== "\0") return false;
  return true;
}

function commonLength(one: string, other: string): number {
  const most = Math.min(one.length, other.length);
  let length = 0;
  while (length < most && one[length] === other[length]) length++;
  return length;
}
