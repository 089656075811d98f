import { z } from "zod";

/**
 * An error as it crosses the wire (wire-protocol §5.2). Clients turn `constructorName` back into the class of that name:
 * JavaScript's own, `DOMException` (with `name`), or one of Deno's (`NotFound`, `PermissionDenied`, …).
 */
export interface ErrorObject {
  constructorName: string;
  message: string;
  name?: string | null | undefined;
  /** Name of the errno, such as `ENOENT`. */
  code?: string | null | undefined;
  stack?: string | null | undefined;
  cause?: ErrorObject | null | undefined;
  /** Of an `AggregateError`. */
  errors?: ErrorObject[] | null | undefined;
  /** Of a `SuppressedError`, as is `suppressed`. */
  error?: ErrorObject | null | undefined;
  suppressed?: ErrorObject | null | undefined;
}

/** See {@link ErrorObject}. */
export const errorObjectSchema: z.ZodType<ErrorObject> = z.object({
  constructorName: z.string(),
  message: z.string(),
  name: z.string().nullish(),
  code: z.string().nullish(),
  stack: z.string().nullish(),
  get cause() {
    return errorObjectSchema.nullish();
  },
  get errors() {
    return z.array(errorObjectSchema).nullish();
  },
  get error() {
    return errorObjectSchema.nullish();
  },
  get suppressed() {
    return errorObjectSchema.nullish();
  },
});
