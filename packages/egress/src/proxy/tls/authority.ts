/** The installation's own certificate authority, whose certificates sandboxes are shown in place of an upstream's. */
import { randomBytes } from "node:crypto";
import { type Authority, loadAuthority as load } from "@sandkeep/common/x509";

/**
 * Loads the CA from `ca.pem` and `ca-key.pem` in `dir`, or makes it: "Sandkeep" and a random number, for ten years. The
 * key is readable by its owner alone and never leaves the host. A damaged CA is an error: running sandboxes trust the one that was.
 */
export function loadAuthority(dir: string): Promise<Authority> {
  return load(dir, { newName: () => `Sandkeep ${randomBytes(4).toString("hex")}` });
}

/** The PEM of the CA's certificate, which guests are given; the CA is made if there is none yet. */
export async function authorityPem(dir: string): Promise<string> {
  return (await loadAuthority(dir)).pem;
}
