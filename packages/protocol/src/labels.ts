import { z } from "zod";
import { LABELS } from "./limits.ts";

const bytes = (text: string) => Buffer.byteLength(text, "utf8");

/** Labels of a sandbox: tags for filtering lists. */
export const labelsSchema = z
  .record(
    z
      .string()
      .min(1, "a label's key must not be empty")
      .refine((key) => bytes(key) <= LABELS.keyBytes, `a label's key has at most ${LABELS.keyBytes} bytes`),
    z
      .string()
      .refine((value) => bytes(value) <= LABELS.valueBytes, `a label's value has at most ${LABELS.valueBytes} bytes`),
  )
  .refine((labels) => Object.keys(labels).length <= LABELS.max, `at most ${LABELS.max} labels`);

/** See {@link labelsSchema}. */
export type Labels = Record<string, string>;
