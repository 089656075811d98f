import { findImageBuilding, findJail } from "@sandkeep/host";
import type { Check } from "./check.ts";

/** Whether machines can be jailed here, and what building images without root needs. */
export const checkIsolation: Check = async (context) => [
  ...(await findJail(context)),
  ...(context.uid === 0 ? [] : await findImageBuilding(context)),
];
