import type { z } from "zod";

/** One RPC method: schemas of its params and of its result's `ok`. */
export interface MethodSchema {
  params: z.ZodType;
  result: z.ZodType;
}

/** Keeps the exact types of a method's schemas. */
export function method<P extends z.ZodType, R extends z.ZodType>(params: P, result: R): { params: P; result: R } {
  return { params, result };
}
