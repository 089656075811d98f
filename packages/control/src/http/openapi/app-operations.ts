import {
  appLogsSchema,
  appRequestSchema,
  appSchema,
  appUpdateSchema,
  buildLogSchema,
  deployAnswerSchema,
  deployRequestSchema,
  layerAppSchema,
  layerRequestSchema,
  layerSchema,
  layerUpdateSchema,
  productionSchema,
  retentionRequestSchema,
  revisionSchema,
  rollbackRequestSchema,
  timelineSchema,
} from "@sandkeep/protocol";
import { z } from "zod";
import { pageQuery } from "../input/page.ts";
import { appsQuery } from "../routes/apps/apps.ts";
import { logsQuery } from "../routes/apps/logs.ts";
import { buildLogsQuery, revisionsQuery } from "../routes/apps/revisions.ts";
import { searchQuery } from "../routes/storage/disks.ts";
import { file, gone, page } from "./answers.ts";
import type { Operation } from "./operation.ts";

const listed = { tag: "Apps", errors: ["INVALID_REQUEST", "INVALID_CURSOR"] } as const satisfies Partial<Operation>;
const one = (description: string, schema: z.ZodType, status: 200 | 201 = 200) => ({ status, description, schema });
const NAMES = ["LAYER_NOT_FOUND", "SLUG_ALREADY_IN_USE"] as const;
const STREAMS = ["text/event-stream", "application/x-ndjson"] as const;
const merged =
  "`env_vars` are changes to single variables, found by `id` or else by `key`; everything else replaces what was there.";

/** Operations on apps and what is deployed to them, by their keys in the table of scopes. */
export const APP_OPERATIONS: Readonly<Record<string, Operation>> = {
  "GET /api/v2/apps": {
    ...listed,
    id: "listApps",
    summary: "Lists apps, the last changed first",
    query: appsQuery,
    labels: true,
    answer: page(appSchema),
  },
  "POST /api/v2/apps": {
    id: "createApp",
    tag: "Apps",
    summary: "Creates an app",
    description: "Its slug is part of its address, so no two organisations of a server have the same.",
    body: appRequestSchema,
    example: { slug: "my-app", env_vars: [{ key: "COLOUR", value: "red", contexts: ["production"] }] },
    answer: one("The app.", appSchema, 201),
    errors: [...NAMES, "APP_LIMIT"],
  },
  "GET /api/v2/apps/:id": {
    id: "getApp",
    tag: "Apps",
    summary: "One app, by id or slug",
    answer: one("The app.", appSchema),
    errors: ["APP_NOT_FOUND"],
  },
  "PATCH /api/v2/apps/:id": {
    id: "updateApp",
    tag: "Apps",
    summary: "Changes an app",
    description: merged,
    body: appUpdateSchema,
    example: { env_vars: [{ key: "COLOUR", value: "blue" }] },
    answer: one("The app.", appSchema),
    errors: ["APP_NOT_FOUND", ...NAMES, "CHANGED_MEANWHILE"],
  },
  "DELETE /api/v2/apps/:id": {
    id: "deleteApp",
    tag: "Apps",
    summary: "Deletes an app with all its revisions",
    answer: gone,
    errors: ["APP_NOT_FOUND"],
  },
  "GET /api/v2/apps/:id/logs": {
    id: "listAppLogs",
    tag: "Apps",
    summary: "What an app has printed, oldest first",
    query: logsQuery,
    answer: one("A page, and the cursor of the next one.", appLogsSchema),
    errors: ["APP_NOT_FOUND", "INVALID_REQUEST", "INVALID_CURSOR", "NOT_SUPPORTED"],
  },
  "GET /api/v2/apps/:id/revisions": {
    ...listed,
    id: "listRevisions",
    summary: "Lists the revisions of an app",
    query: revisionsQuery,
    answer: page(revisionSchema),
    errors: ["APP_NOT_FOUND", ...listed.errors],
  },
  "GET /api/v2/apps/:id/timelines": {
    id: "listTimelines",
    tag: "Apps",
    summary: "Lists the timelines of an app, with their addresses",
    query: pageQuery,
    answer: one("All of them.", z.array(timelineSchema)),
    errors: ["APP_NOT_FOUND"],
  },
  "GET /api/v1/apps/:id/production": {
    id: "getProduction",
    tag: "Apps",
    summary: "What an app's address leads to",
    answer: one("The revision, and the one before.", productionSchema),
    errors: ["APP_NOT_FOUND"],
  },
  "POST /api/v1/apps/:id/rollback": {
    id: "rollBack",
    tag: "Apps",
    summary: "Lets an app's address lead to another revision, by default the one before",
    body: rollbackRequestSchema,
    example: {},
    answer: one("What it leads to now.", productionSchema),
    errors: ["APP_NOT_FOUND", "CANNOT_ROLL_BACK"],
  },
  "POST /api/v2/sandboxes/:id/deploy": {
    id: "deploy",
    tag: "Apps",
    summary: "Deploys a directory of a running sandbox",
    description: "Answers at once; the progress of the revision says how it goes.",
    body: deployRequestSchema,
    example: { app: "my-app", entrypoint: "server.ts", path: "/home/app", production: true },
    answer: one("The new revision.", deployAnswerSchema, 201),
    errors: ["SANDBOX_NOT_FOUND", "SANDBOX_PAUSED", "CHANGED_MEANWHILE", "APP_NOT_FOUND", "APP_LIMIT", "NOT_SUPPORTED"],
  },
  "GET /api/v2/revisions/:id": {
    id: "getRevision",
    tag: "Apps",
    summary: "One revision",
    answer: one("The revision.", revisionSchema),
    errors: ["REVISION_NOT_FOUND"],
  },
  "PATCH /api/v2/revisions/:id": {
    id: "retainRevision",
    tag: "Apps",
    summary: "Says how long a revision is kept",
    description: "`auto`: while it is among the newest of its app. `indefinite`: until somebody deletes it.",
    body: retentionRequestSchema,
    example: { retention: "indefinite" },
    answer: one("The revision.", revisionSchema),
    errors: ["REVISION_NOT_FOUND"],
  },
  "DELETE /api/v2/revisions/:id": {
    id: "deleteRevision",
    tag: "Apps",
    summary: "Deletes a revision that production does not lead to",
    answer: gone,
    errors: ["REVISION_NOT_FOUND", "REVISION_IN_USE"],
  },
  "POST /api/v2/revisions/:id/cancel": {
    id: "cancelRevision",
    tag: "Apps",
    summary: "Cancels a deployment",
    description: "Answers before it has ended.",
    answer: one("The revision.", revisionSchema),
    errors: ["REVISION_NOT_FOUND"],
  },
  "GET /api/v2/revisions/:id/timelines": {
    id: "listRevisionTimelines",
    tag: "Apps",
    summary: "Lists the timelines that lead to a revision",
    answer: one("All of them.", z.array(timelineSchema)),
    errors: ["REVISION_NOT_FOUND"],
  },
  "GET /api/v2/revisions/:id/progress": {
    id: "followRevision",
    tag: "Apps",
    summary: "Follows a deployment until it has ended",
    description:
      "Server-sent events, or lines of JSON if they are accepted: the state of all stages, after every change.",
    answer: file("The stages.", ...STREAMS),
    errors: ["REVISION_NOT_FOUND"],
  },
  "GET /api/v2/revisions/:id/build_logs": {
    id: "followBuildLogs",
    tag: "Apps",
    summary: "Follows what a deployment says until it has ended",
    description: `In the same two forms. Each line has ${Object.keys(buildLogSchema.shape)
      .map((key) => `\`${key}\``)
      .join(", ")}.`,
    query: buildLogsQuery,
    answer: file("The lines.", ...STREAMS),
    errors: ["REVISION_NOT_FOUND", "INVALID_REQUEST"],
  },
  "GET /api/v2/layers": {
    ...listed,
    id: "listLayers",
    summary: "Lists layers, the last changed first",
    query: searchQuery,
    answer: page(layerSchema),
  },
  "POST /api/v2/layers": {
    id: "createLayer",
    tag: "Apps",
    summary: "Creates a layer: variables that several apps share",
    body: layerRequestSchema,
    example: { slug: "shared", env_vars: [{ key: "TZ", value: "UTC" }] },
    answer: one("The layer.", layerSchema, 201),
    errors: [...NAMES, "APP_LIMIT"],
  },
  "GET /api/v2/layers/:id": {
    id: "getLayer",
    tag: "Apps",
    summary: "One layer, by id or slug",
    answer: one("The layer.", layerSchema),
    errors: ["LAYER_NOT_FOUND"],
  },
  "PATCH /api/v2/layers/:id": {
    id: "updateLayer",
    tag: "Apps",
    summary: "Changes a layer",
    description: merged,
    body: layerUpdateSchema,
    example: { description: "for all apps" },
    answer: one("The layer.", layerSchema),
    errors: [...NAMES, "CHANGED_MEANWHILE"],
  },
  "DELETE /api/v2/layers/:id": {
    id: "deleteLayer",
    tag: "Apps",
    summary: "Deletes a layer that nothing uses",
    answer: gone,
    errors: ["LAYER_NOT_FOUND", "LAYER_IN_USE"],
  },
  "GET /api/v2/layers/:id/apps": {
    ...listed,
    id: "listLayerApps",
    summary: "Lists the apps that use a layer",
    query: pageQuery,
    answer: page(layerAppSchema),
    errors: ["LAYER_NOT_FOUND", ...listed.errors],
  },
};
