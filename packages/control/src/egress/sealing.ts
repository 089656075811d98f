import { chmod, mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "@sandkeep/common";
import { Sealer } from "@sandkeep/egress";
import type { SealingStore } from "@sandkeep/store";

/** Folder in the data directory for the proxy's files, such as its CA, and the key of secrets. */
export const EGRESS_DIR = "egress";
/** Name of the key's file in that folder. */
const KEY_FILE = "secrets.key";
const OWNER_ONLY = 0o700;

/** Sealed to recognise the key; it is not a secret. */
const PROBE = "probe";

export interface Sealing {
  sealer: Sealer;
  /** Why values sealed earlier can no longer be opened; null if they can. */
  sealedIsLost: string | null;
}

/**
 * Opens the key with which a control plane seals values of secrets; creates it on the first start. Checks whether it is
 * still the same key without opening a secret.
 *
 * @throws {SealError} for a key file that others can read, or that is invalid.
 */
export async function openSealer(dir: string, store: SealingStore, owner: string, log: Logger): Promise<Sealing> {
  await mkdir(dir, { recursive: true, mode: OWNER_ONLY });
  await chmod(dir, OWNER_ONLY);
  const file = join(dir, KEY_FILE);
  const sealer = await Sealer.open(file);
  const probe = await store.probe(owner);
  const lost = probe !== null && !opens(sealer, probe);
  if (probe === null || lost) await store.setProbe(owner, sealer.seal(PROBE, PROBE));
  if (lost)
    log.error(
      { file },
      "the key that seals secrets has changed; the secrets of sandboxes that outlived the server are lost",
    );
  return {
    sealer,
    sealedIsLost: lost ? `the key file ${file} is not the one that sealed them.` : null,
  };
}

function opens(sealer: Sealer, probe: string): boolean {
  try {
    return sealer.open(probe, PROBE) === PROBE;
  } catch {
    return false;
  }
}
