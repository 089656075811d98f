import { PROGRAM_PRELOAD } from "./preload.ts";

/** `deno run` of a file or URL. */
export function runArgs(entrypoint: string, watch?: boolean | string[]): string[] {
  const flags = watch === true ? ["--watch"] : Array.isArray(watch) ? [watchFlag(watch)] : [];
  // A name that starts with a dash would be read as a flag.
  return [
    "run",
    "-A",
    "--preload",
    PROGRAM_PRELOAD,
    ...flags,
    entrypoint.startsWith("-") ? `./${entrypoint}` : entrypoint,
  ];
}

/** Deno requires commas in a path to be doubled. */
function watchFlag(paths: string[]): string {
  return paths.length ? `--watch=${paths.map((path) => path.replaceAll(",", ",,")).join(",")}` : "--watch";
}
