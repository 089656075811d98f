import { randomBytes, randomUUID } from "node:crypto";

/** Digits and lowercase letters without i, l and o: the alphabet that clients check for (wire-protocol §3). */
const ALPHABET = "0123456789abcdefghjkmnpqrstuvwxyz";
const RANDOM_LENGTH = 20;
/** Bytes from here on are discarded, so that every character is equally likely. */
const UNBIASED_BELOW = 256 - (256 % ALPHABET.length);

/** `sbx_`, three letters of the region, `_`, 20 characters. Clients refuse anything else before they connect. */
export const SANDBOX_ID = /^sbx_[a-z]{3}_[0-9a-hjkmnp-z]{20}$/;

/** Three lowercase letters, as in `ord`. */
export const REGION = /^[a-z]{3}$/;

/** This many random characters, 5 bits each. */
export function randomText(length: number): string {
  let out = "";
  while (out.length < length) {
    for (const byte of randomBytes(length * 2)) {
      if (byte < UNBIASED_BELOW && out.length < length) out += ALPHABET[byte % ALPHABET.length];
    }
  }
  return out;
}

/** A new sandbox id, such as `sbx_ord_1at5nn58e77rtd11e3k3`. */
export function newSandboxId(region: string): string {
  return `sbx_${region}_${randomText(RANDOM_LENGTH)}`;
}

/** Whether this is the form of a sandbox id. */
export function isSandboxId(value: string): boolean {
  return SANDBOX_ID.test(value);
}

/** A new volume id, such as `vol_ord_1at5nn58e77rtd11e3k3`. */
export function newVolumeId(region: string): string {
  return `vol_${region}_${randomText(RANDOM_LENGTH)}`;
}

/** A new snapshot id, such as `snp_ord_1at5nn58e77rtd11e3k3`. */
export function newSnapshotId(region: string): string {
  return `snp_${region}_${randomText(RANDOM_LENGTH)}`;
}

/** A new id of a token's record (not the token itself). */
export function newTokenId(): string {
  return `tok_${randomText(RANDOM_LENGTH)}`;
}

/** A new id of a door (not its name). */
export function newDoorId(): string {
  return `door_${randomText(RANDOM_LENGTH)}`;
}

/** A new id of an app, a layer or one of their variables: a UUID, as clients know it. */
export function newAppId(): string {
  return randomUUID();
}

/** A new id of a revision: 60 random bits, short enough for a host name. */
export function newRevisionId(): string {
  return randomText(12);
}

/** A new organisation id: a UUID, as clients know it from `DENO_DEPLOY_ORGANIZATION_ID`. */
export function newOrganisationId(): string {
  return randomUUID();
}
