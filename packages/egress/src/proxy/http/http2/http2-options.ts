import { MAX_SESSION_MEMORY_MB } from "../../limits.ts";

/** Options of every HTTP/2 session, on either side. */
export const SESSION_OPTIONS = {
  maxSessionMemory: MAX_SESSION_MEMORY_MB,
  /** Repeated fields are passed on as they are. By default, Node throws for those that must not be repeated. */
  strictSingleValueFields: false,
};
