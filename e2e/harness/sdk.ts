import type * as Sandkeep from "sandkeep";

/** One of the two clients that every suite runs with. */
export interface Sdk {
  /** Name of its npm package. */
  name: string;
  /** Whether it is the platform's own client, whose known faults a test must not trip over. */
  official: boolean;
  /** What it exports. Of the platform's own client, only what it has may be used. */
  module: typeof Sandkeep;
}

/** A file of tests: registers them for one client. */
export type Suite = (sdk: Sdk) => void;

export async function loadSdks(): Promise<Sdk[]> {
  return [
    { name: "@deno/sandbox", official: true, module: (await import("@deno/sandbox")) as unknown as typeof Sandkeep },
    { name: "sandkeep", official: false, module: await import("sandkeep") },
  ];
}
