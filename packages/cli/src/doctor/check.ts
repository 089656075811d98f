import type { Finding, Surroundings } from "@sandkeep/host";

export type { Finding, Verdict } from "@sandkeep/host";

/** What the checks may look at. */
export interface DoctorContext extends Surroundings {
  dataDir: string;
}

/** Looks at one concern. Never throws for what it finds. */
export type Check = (context: DoctorContext) => Promise<Finding[]>;
