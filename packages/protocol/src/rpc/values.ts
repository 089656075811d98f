import { z } from "zod";

/** How values are written in JSON (wire-protocol §5.1). */

/** An optional value: absent and `null` mean the same, and become `undefined`. */
export function maybe<T extends z.ZodType>(schema: T) {
  return schema.nullish().transform((value) => value ?? undefined);
}

/**
 * Decodes standard base64 strictly: its alphabet only, padding in its place, no white space.
 * @returns null when it is malformed
 */
export function decodeBase64(text: string): Buffer | null {
  if (text.length % 4 !== 0) return null;
  // Node's decoder skips invalid characters, which the length reveals, and accepts the URL alphabet, which two searches
  // reveal. Both are far cheaper on 100 MiB than a regular expression.
  if (text.includes("-") || text.includes("_")) return null;
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  const bytes = Buffer.from(text, "base64");
  return bytes.length === (text.length / 4) * 3 - padding ? bytes : null;
}

/** Bytes, as standard base64. */
export const bytesSchema = z.string().transform((text, context): Buffer => {
  const bytes = decodeBase64(text);
  if (bytes) return bytes;
  context.issues.push({
    code: "custom",
    input: undefined,
    expected: "base64",
    message: "Invalid input: expected standard base64 with padding",
  });
  return z.NEVER;
});

/**
 * A point in time; the output is milliseconds since 1970. Strings are dates as JavaScript reads them; numbers are seconds,
 * as in Deno's API (the Python client sends those for handles).
 */
export const timeSchema = z.union([z.string(), z.number()]).transform((value, context): number => {
  const ms = typeof value === "number" ? value * 1000 : Date.parse(value);
  // ECMAScript's range of dates.
  if (Number.isFinite(ms) && Math.abs(ms) <= 8.64e15) return ms;
  context.issues.push({ code: "custom", input: value, expected: "date", message: "Invalid input: expected a date" });
  return z.NEVER;
});

/** A JavaScript regular expression. */
export const regexSchema = z.object({ source: z.string(), flags: z.string() });

/** A non-negative integer that JavaScript represents exactly. */
export const countSchema = z.number().int().nonnegative();

/** File mode bits and masks. */
export const modeSchema = z.number().int().min(0).max(0o177777);

/** Ids of streams, aborts and handles: the sender's counter, or a random number of 48 bits. */
export const idSchema = z.number().int().nonnegative();

/** Process ids. */
export const pidSchema = z.number().int().nonnegative();
