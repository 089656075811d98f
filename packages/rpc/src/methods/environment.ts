import type { Handlers } from "../handlers.ts";

/** Environment of the sandbox (wire-protocol §7.7). */
export const environmentHandlers = {
  envGet: ({ guest }, { key }) => guest.call("envGet", { key }),
  envSet: ({ guest }, { key, value }) => guest.call("envSet", { key, value }),
  envDelete: ({ guest }, { key }) => guest.call("envDelete", { key }),
  envToObject: ({ guest }) => guest.call("envToObject", {}),
} satisfies Partial<Handlers>;
