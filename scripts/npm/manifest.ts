/** The fields of a package.json that matter here. */
export interface Manifest {
  name: string;
  version: string;
  exports: Record<string, string | Record<string, string>>;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  scripts?: Record<string, string>;
  [field: string]: unknown;
}

/**
 * The condition under which this repository runs packages from source. It must not be in the published package, which
 * has no sources.
 */
export const SOURCE_CONDITION = "sandkeep-source";

/** The published package.json: without the repository's condition, scripts and development dependencies. */
export function publishedManifest(manifest: Manifest): Manifest {
  const { scripts: _scripts, devDependencies: _devDependencies, ...published } = manifest;
  const entries = Object.entries(manifest.exports).map(([path, target]) => [path, withoutSource(target)] as const);
  return { ...published, exports: Object.fromEntries(entries) } as Manifest;
}

function withoutSource(target: string | Record<string, string>): string | Record<string, string> {
  if (typeof target === "string") return target;
  return Object.fromEntries(Object.entries(target).filter(([condition]) => condition !== SOURCE_CONDITION));
}
