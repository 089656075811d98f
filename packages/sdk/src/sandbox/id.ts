import type { Region } from "../rest/region.ts";

/** `sbx_`, a region of three letters, and 20 characters that are hard to confuse with each other. */
const SANDBOX_ID = /^sbx_([a-z]{3})_[0-9a-hjkmnp-z]{20}$/;

/** The region in a sandbox's id. Throws `TypeError` for an invalid id. */
export function regionOf(sandboxId: string): Region {
  const region = SANDBOX_ID.exec(sandboxId)?.[1];
  if (region === undefined) throw new TypeError(`"${sandboxId}" is not a valid sandbox id`);
  return region as Region;
}
