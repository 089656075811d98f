import { z } from "zod";

/** A moment in a query: ISO 8601 with its offset, as epoch milliseconds. */
export const moment = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text));
