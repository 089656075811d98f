import manifest from "../package.json" with { type: "json" };

/** Sandkeep's version. */
export const version: string = manifest.version;
