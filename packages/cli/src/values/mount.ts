import { UsageError } from "../errors.ts";

/** Volumes of a new sandbox, by where they are mounted, as the SDK takes them. */
export type MountOptions = Record<string, { volume: string; readOnly: boolean }>;

/** Collects repeated `/path=volume` and `/path=volume:ro` options. The path may contain `=`. */
export function collectMount(text: string, previous: MountOptions = {}): MountOptions {
  const [, path, volume, flag] = /^(\/.*)=([^=:]+)(:ro)?$/.exec(text) ?? [];
  if (path === undefined || volume === undefined)
    throw new UsageError(`"${text}" is not PATH=VOLUME`, "write it like /data=my-volume, or /data=my-volume:ro");
  if (Object.hasOwn(previous, path)) throw new UsageError(`two volumes are mounted at ${path}`, "choose another path");
  return { ...previous, [path]: { volume, readOnly: flag !== undefined } };
}
