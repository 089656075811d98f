import { findPrograms } from "@sandkeep/host";
import type { Check } from "./check.ts";

/** The programs that Sandkeep calls, with their versions. */
export const checkPrograms: Check = (context) => findPrograms(context);
