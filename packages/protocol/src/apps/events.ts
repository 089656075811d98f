import { z } from "zod";
import { failureReasonSchema } from "./revisions.ts";

const app = { app: z.string(), slug: z.string() };
const layer = { layer: z.string(), slug: z.string() };
/** Keys of the variables that it has from then on. */
const envVars = z.array(z.string());

/** Data of the events about apps, by kind. */
export const appEventShapes = {
  "app.created": { ...app, envVars },
  "app.updated": { ...app, envVars },
  "app.deleted": app,
  "layer.created": { ...layer, envVars },
  "layer.updated": { ...layer, envVars },
  "layer.deleted": layer,
  /** A deployment has ended. `timelines` are those that it leads to now. */
  "revision.deployed": {
    ...app,
    revision: z.string(),
    timelines: z.array(z.string()),
    failureReason: failureReasonSchema.nullable(),
    durationMs: z.number(),
  },
  "revision.deleted": { ...app, revision: z.string() },
  /** Production leads to another revision, without a deployment. */
  "app.switched": { ...app, revision: z.string(), previous: z.string() },
  /** An instance runs, or could not be started (`error`). The event's sandbox is the instance. */
  "instance.started": { ...app, revision: z.string(), durationMs: z.number(), error: z.string().optional() },
  /** Its server ended by itself. */
  "instance.crashed": { ...app, revision: z.string(), detail: z.string() },
} as const;
