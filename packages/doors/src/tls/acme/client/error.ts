/** What a certificate authority refused, or why it could not be asked. */
import { z } from "zod";

/** Longest text of a certificate authority in a message, characters. */
const MAX_TEXT = 300;
const PREFIX = "urn:ietf:params:acme:error:";

/** An error document (RFC 8555, section 6.7), as it may be in any answer. */
export const problemSchema = z.object({
  type: z.string().default(""),
  detail: z.string().default(""),
  subproblems: z
    .array(
      z.object({
        type: z.string().default(""),
        detail: z.string().default(""),
        identifier: z.object({ value: z.string() }).optional(),
      }),
    )
    .default([]),
});
export type Problem = z.infer<typeof problemSchema>;

export interface AcmeErrorOptions {
  /** The part of the type that names the error, such as `rateLimited`. */
  type?: string;
  /** Not before this time, in milliseconds since 1970. */
  retryAt?: number | null;
  cause?: unknown;
}

/** A certificate could not be had. The message is a sentence for the operator. */
export class AcmeError extends Error {
  override readonly name = "AcmeError";
  readonly type: string;
  readonly retryAt: number | null;

  constructor(message: string, { type = "", retryAt = null, cause }: AcmeErrorOptions = {}) {
    super(message, { cause });
    this.type = type;
    this.retryAt = retryAt;
  }

  /** @param what what was asked for, such as "the order" */
  static from(problem: Problem, what: string, retryAt: number | null = null): AcmeError {
    const type = problem.type.startsWith(PREFIX) ? problem.type.slice(PREFIX.length) : problem.type;
    const parts = problem.subproblems.map(({ identifier, detail }) => `${identifier?.value ?? "?"}: ${detail}`);
    const text = printable([problem.detail, ...parts].filter((part) => part !== "").join("; "));
    return new AcmeError(
      `The certificate authority refused ${what} (${printable(type) || "no reason given"}): ${text}`,
      {
        type,
        retryAt,
      },
    );
  }
}

/** Another's text in a log or on a terminal: one line, without control characters, not too long. */
export function printable(text: string): string {
  const clean = text.replace(/[^\x20-\x7e\xa0-\u{d7ff}\u{e000}-\u{10ffff}]+/gu, " ").trim();
  return clean.length <= MAX_TEXT ? clean : `${clean.slice(0, MAX_TEXT)}…`;
}
