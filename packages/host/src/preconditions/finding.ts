import type { JailKind } from "../engine/qemu/jail/jail.ts";

/** `ok`; `warn`: works, but not as well as it could; `fail`: something essential is missing. */
export type Verdict = "ok" | "warn" | "fail";

/** One finding about this computer. */
export interface Finding {
  /** What was looked at, in a word or two. */
  name: string;
  verdict: Verdict;
  /** What was found. */
  detail: string;
  /** How to repair it; absent when there is nothing to repair. */
  repair?: string;
}

/** What preconditions may look at. */
export interface Surroundings {
  env: NodeJS.ProcessEnv;
  /** The user's numerical id. */
  uid: number;
  userName: string;
  /** The jail that machines are to have. */
  jail: JailKind;
  /** Ends whatever takes too long. */
  signal: AbortSignal;
}
