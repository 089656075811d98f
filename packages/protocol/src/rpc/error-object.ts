import { z } from "zod";

/** See {@link ErrorObject}. */
export const errorObjectSchema = z.object({
  constructorName: z.string(),
  message: z.string(),
  name: z.string().nullish(),
  /** Name of the errno, such as `ENOENT`. */
  code: z.string().nullish(),
  stack: z.string().nullish(),
  get cause() {
    return errorObjectSchema.nullish();
  },
  /** Of an `AggregateError`. */
  get errors() {
    return z.array(errorObjectSchema).nullish();
  },
  /** Of a `SuppressedError`, as is `suppressed`. */
  get error() {
    return errorObjectSchema.nullish();
  },
  get suppressed() {
    return errorObjectSchema.nullish();
  },
});

/**
 * An error as it crosses the wire (wire-protocol §5.2). Clients turn `constructorName` back into the class of that name:
 * JavaScript's own, `DOMException` (with `name`), or one of Deno's (`NotFound`, `PermissionDenied`, …).
 */
export type ErrorObject = z.infer<typeof errorObjectSchema>;
