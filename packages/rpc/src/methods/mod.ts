/** The handler of each RPC method. */
import type { Handlers } from "../handlers.ts";
import { denoHandlers } from "./deno.ts";
import { environmentHandlers } from "./environment.ts";
import { extensionHandlers } from "./extensions.ts";
import { fileHandlers } from "./files.ts";
import { handleHandlers } from "./handles.ts";
import { networkHandlers } from "./network.ts";
import { processHandlers } from "./processes.ts";

export const handlers: Handlers = {
  abort(state, { abortId }) {
    state.aborts.abort(abortId);
    return null;
  },
  ...fileHandlers,
  ...handleHandlers,
  ...processHandlers,
  ...denoHandlers,
  ...networkHandlers,
  ...environmentHandlers,
  ...extensionHandlers,
};
