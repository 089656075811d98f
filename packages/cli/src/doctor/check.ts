import type { Finding, Surroundings } from "@sandkeep/host";

export type { Finding, Verdict } from "@sandkeep/host";

/** What the checks can use. */
export interface DoctorContext extends Surroundings {
  dataDir: string;
}

/** Checks one concern. Does not throw for what it finds. */
export type Check = (context: DoctorContext) => Promise<Finding[]>;
