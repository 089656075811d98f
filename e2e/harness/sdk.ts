import type * as Sandkeep from "sandkeep";

/** One of the two clients that every suite runs with. */
export interface Sdk {
  /** Name of its npm package. */
  name: string;
  /** Whether it is the platform's own client, whose known bugs tests must avoid. */
  official: boolean;
  /** Its exports. Tests may use only what the platform's own client has. */
  module: typeof Sandkeep;
}

/** A test file: registers its tests for one client. */
export type Suite = (sdk: Sdk) => void;

export async function loadSdks(): Promise<Sdk[]> {
  return [
    { name: "@deno/sandbox", official: true, module: (await import("@deno/sandbox")) as unknown as typeof Sandkeep },
    { name: "sandkeep", official: false, module: await import("sandkeep") },
  ];
}
