import { chmod, mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "@sandkeep/common";
import { Sealer } from "@sandkeep/egress";
import type { SealingStore } from "@sandkeep/store";

/** In the data directory: what the proxy keeps, its CA for instance, and the key of secrets. */
export const EGRESS_DIR = "egress";
/** Name of the key's file there. */
const KEY_FILE = "secrets.key";
const OWNER_ONLY = 0o700;

/** What is sealed to recognise the key by: nobody's secret. */
const PROBE = "probe";

export interface Sealing {
  sealer: Sealer;
  /** Why what was sealed before cannot be opened any more; null: it can. */
  sealedIsLost: string | null;
}

/**
 * A control plane's key, with which values of secrets are sealed; made at the first start. Whether it is still the same is found out without
 * opening anybody's secret.
 *
 * @throws {SealError} for a key file that others can read, or that is none.
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
      "the key of secrets is another than the one with which they were sealed; secrets of sandboxes that outlived the server are lost",
    );
  return {
    sealer,
    sealedIsLost: lost ? `the key file ${file} is another than the one with which they were sealed.` : null,
  };
}

function opens(sealer: Sealer, probe: string): boolean {
  try {
    return sealer.open(probe, PROBE) === PROBE;
  } catch {
    return false;
  }
}
