/** `ok`; `warn`: works, but not as well as it could; `fail`: something essential is missing. */
export type Verdict = "ok" | "warn" | "fail";

/** One finding about this machine. */
export interface Finding {
  /** What was looked at, in a word or two. */
  name: string;
  verdict: Verdict;
  /** What was found. */
  detail: string;
  /** How to repair it; absent when there is nothing to repair. */
  repair?: string;
}

/** What the checks may look at. */
export interface DoctorContext {
  env: NodeJS.ProcessEnv;
  dataDir: string;
  /** The user's numerical id. */
  uid: number;
  userName: string;
  /** Ends whatever takes too long. */
  signal: AbortSignal;
}

/** Looks at one concern. Never throws for what it finds. */
export type Check = (context: DoctorContext) => Promise<Finding[]>;
