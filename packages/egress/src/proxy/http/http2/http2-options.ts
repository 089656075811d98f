import { MAX_SESSION_MEMORY_MB } from "../../limits.ts";

/** Of every HTTP/2 session, on either side. */
export const SESSION_OPTIONS = {
  maxSessionMemory: MAX_SESSION_MEMORY_MB,
  /** A field that is repeated is passed on so; Node would throw for those that it knows to be single. */
  strictSingleValueFields: false,
};
