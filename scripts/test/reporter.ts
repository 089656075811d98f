/**
 * A reporter for node:test in the process of one test file. Prints failures in full, and a last line with the counts as
 * JSON, which `node-file.ts` reads. A process that crashes before that is not counted.
 */

import type { TestEvent } from "node:test/reporters";
import { inspect } from "node:util";
import type { Outcome } from "./outcome.ts";

/** Prefix of the last line. */
export const COUNTS_MARK = "counts:";

export default async function* reporter(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const counts: Outcome = { passed: 0, failed: 0 };
  /** Names of the suites and tests around the current one, by nesting. */
  const path: string[] = [];

  for await (const event of source) {
    if (event.type === "test:start") {
      path.length = event.data.nesting;
      path.push(event.data.name);
    } else if (event.type === "test:fail") {
      const { error } = event.data.details;
      // A suite fails because a test in it failed, which was already reported, unless the suite itself broke.
      if ((error as { failureType?: string }).failureType === "subtestsFailed") continue;
      counts.failed++;
      yield `  ✘ ${fullName(path, event.data)}\n${indent(describe(error))}\n`;
    } else if (event.type === "test:pass") {
      const { skip, todo, details } = event.data;
      if (skip !== undefined || todo !== undefined) yield `  - ${fullName(path, event.data)} (skipped)\n`;
      else if (details.type !== "suite") counts.passed++;
    }
  }
  yield `${COUNTS_MARK}${JSON.stringify(counts)}\n`;
}

const fullName = (path: string[], { nesting, name }: { nesting: number; name: string }) =>
  [...path.slice(0, nesting), name].join(" › ");
const indent = (text: string) =>
  text
    .split("\n")
    .map((line) => `      ${line}`)
    .join("\n");

function describe(error: Error): string {
  // node:test wraps the thrown error.
  const cause = error.cause ?? error;
  return cause instanceof Error ? (cause.stack ?? cause.message) : typeof cause === "string" ? cause : inspect(cause);
}
