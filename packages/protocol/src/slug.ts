import { z } from "zod";

/** Names that people give: of organisations, volumes and snapshots. */
export const slugSchema = z
  .string()
  .regex(
    /^(?!-)(?!..--)[a-z0-9-]{2,32}(?<!-)$/,
    "2 to 32 characters a-z, 0-9 and -, no - at the ends, no -- in third and fourth place",
  );
