import { createHash } from "node:crypto";
import { createFileAtomically, readOwnFile } from "@sandkeep/common";
import { newOpenSshKey, publicPart } from "./openssh-key.ts";

/** By what clients recognise a server. */
export interface HostKey {
  /** In OpenSSH's format. */
  readonly privateKey: string;
  /** As in `known_hosts`: `ssh-ed25519 AAAA…`. */
  readonly publicKey: string;
  /** As OpenSSH shows it: `SHA256:…`. */
  readonly fingerprint: string;
}

/**
 * Reads the server's Ed25519 key; makes it if the file is missing.
 *
 * @throws if the file contains anything else, or others can read or write it
 */
export async function hostKey(path: string): Promise<HostKey> {
  await createFileAtomically(path, newOpenSshKey("sandkeep"));
  const privateKey = (await readOwnFile(path, { secret: true })) ?? "";
  const blob = publicPart(privateKey);
  if (!blob)
    throw new Error(
      `${path} must hold a private Ed25519 key in OpenSSH's format, and nobody else may read or write it. Restore it from a backup; or delete it, and a new key is made, about which clients will warn.`,
    );
  return { privateKey, publicKey: `ssh-ed25519 ${blob.toString("base64")}`, fingerprint: fingerprint(blob) };
}

/** The fingerprint of a public key, as OpenSSH shows it. */
export function fingerprint(blob: Buffer): string {
  return `SHA256:${createHash("sha256").update(blob).digest("base64").replace(/=+$/, "")}`;
}
