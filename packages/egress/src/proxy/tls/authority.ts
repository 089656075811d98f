/** The installation's CA, which issues the certificates that guests get in place of an upstream's. */
import { randomBytes } from "node:crypto";
import { type Authority, loadAuthority as load } from "@sandkeep/common/x509";

/**
 * Loads the CA from `ca.pem` and `ca-key.pem` in `dir`, or creates it: named "Sandkeep" and a random number, valid for ten years. The
 * key is readable only by its owner and never leaves the host. A damaged CA is an error, because running sandboxes trust the old one.
 */
export function loadAuthority(dir: string): Promise<Authority> {
  return load(dir, { newName: () => `Sandkeep ${randomBytes(4).toString("hex")}` });
}

/** The CA's certificate as PEM, which guests trust. Creates the CA if there is none yet. */
export async function authorityPem(dir: string): Promise<string> {
  return (await loadAuthority(dir)).pem;
}
