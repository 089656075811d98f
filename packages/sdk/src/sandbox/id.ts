import type { Region } from "../rest/region.ts";

/** `sbx_`, a region of three letters, and 20 characters that are hard to mistake for each other. */
const SANDBOX_ID = /^sbx_([a-z]{3})_[0-9a-hjkmnp-z]{20}$/;

/** The region that a sandbox's id names. Throws `TypeError` for what cannot be an id. */
export function regionOf(sandboxId: string): Region {
  const region = SANDBOX_ID.exec(sandboxId)?.[1];
  if (region === undefined) throw new TypeError(`"${sandboxId}" is not the id of a sandbox`);
  return region as Region;
}
