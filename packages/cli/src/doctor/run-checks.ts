import type { Check, DoctorContext, Finding } from "./check.ts";

/** Runs checks concurrently. Resolves to their findings in order; a check that throws becomes a finding too. */
export async function runChecks(checks: Check[], context: DoctorContext): Promise<Finding[]> {
  const found = await Promise.all(
    checks.map((check) =>
      check(context).catch((error: Error): Finding[] => [
        {
          name: check.name.replace(/^check/, "").toLowerCase(),
          verdict: "fail",
          detail: `could not be checked: ${error.message}`,
        },
      ]),
    ),
  );
  return found.flat();
}
