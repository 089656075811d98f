import type { z } from "zod";

/** Issues named in one message; the rest are counted. */
const SHOWN = 3;
/** Characters of a field's path that a message shows. */
const PATH_LENGTH = 80;

/** What is wrong, in words for a client: `labels.team: expected string, received number`. Never shows the value, which may be a secret. */
export function describeIssues(error: z.ZodError): string {
  const shown = error.issues.slice(0, SHOWN).map((issue) => {
    const where = issue.path.map(String).join(".").slice(0, PATH_LENGTH);
    const what = reason(issue).replace(/^Invalid input: /, "");
    return where === "" ? what : `${where}: ${what}`;
  });
  const more = error.issues.length - shown.length;
  return shown.join("; ") + (more > 0 ? `; and ${more} more` : "");
}

/** The message of a key or a union says nothing; the ones inside it do. */
function reason(issue: z.core.$ZodIssue): string {
  const inner =
    issue.code === "invalid_key" ? issue.issues[0] : issue.code === "invalid_union" ? issue.errors[0]?.[0] : undefined;
  return inner?.message ?? issue.message;
}
