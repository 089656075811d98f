import type { World } from "../world.ts";
import web from "./web.ts";

/** A group of clients: registers their tests. */
export type Suite = (world: () => World) => void;

/** Every suite, by name. */
export const suites: Record<string, Suite> = { web };
