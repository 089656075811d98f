import { z } from "zod";
import type { Answer } from "./operation.ts";

/** Answers that several operations have. */
export const gone: Answer = { status: 204, description: "Done." };

export const page = (schema: z.ZodType): Answer => ({
  status: 200,
  description: "A page, newest first unless another order is requested.",
  schema: z.array(schema),
  paged: true,
});

export const file = (description: string, ...types: string[]): Answer => ({ status: 200, description, types });
