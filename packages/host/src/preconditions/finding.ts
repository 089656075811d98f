import type { JailKind } from "@sandkeep/jail";

/** `ok`; `warn`: works, but could work better; `fail`: something essential is missing. */
export type Verdict = "ok" | "warn" | "fail";

/** One finding about this computer. */
export interface Finding {
  /** What was checked, in a word or two. */
  name: string;
  verdict: Verdict;
  /** What was found. */
  detail: string;
  /** How to repair it; absent if there is nothing to repair. */
  repair?: string;
}

/** What the checks may use. */
export interface Surroundings {
  env: NodeJS.ProcessEnv;
  /** The user's numeric id. */
  uid: number;
  userName: string;
  /** The jail for machines. */
  jail: JailKind;
  /** Aborts checks that take too long. */
  signal: AbortSignal;
}
