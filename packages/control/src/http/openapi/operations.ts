import {
  egressChangeSchema,
  egressViewSchema,
  eventSchema,
  extendAnswerSchema,
  extendRequestSchema,
  forkRequestSchema,
  newTokenSchema,
  organisationRequestSchema,
  organisationSchema,
  resumeRequestSchema,
  sandboxDetailSchema,
  sandboxMetadataSchema,
  secretRequestSchema,
  secretViewSchema,
  serverInfoSchema,
  tokenRequestSchema,
  tokenSchema,
} from "@sandkeep/protocol";
import { z } from "zod";
import { pageQuery } from "../input/page.ts";
import { logQuery } from "../routes/egress.ts";
import { listQuery as eventListQuery, followQuery } from "../routes/events.ts";
import { listQuery as sandboxListQuery } from "../routes/sandboxes.ts";
import { file, gone, page } from "./answers.ts";
import { APP_OPERATIONS } from "./app-operations.ts";
import { DOOR_OPERATIONS } from "./door-operations.ts";
import type { Operation } from "./operation.ts";
import { STORAGE_OPERATIONS } from "./storage-operations.ts";

const listed = {
  tag: "Sandboxes",
  labels: true,
  errors: ["INVALID_REQUEST", "INVALID_CURSOR"],
} as const satisfies Partial<Operation>;

const kill = {
  tag: "Sandboxes",
  summary: "Ends a sandbox",
  description: "Answers once its machine and its disk are gone.",
  answer: gone,
  errors: ["SANDBOX_NOT_FOUND"],
} as const satisfies Partial<Operation>;

const policy = {
  allow: ["api.example.com", "*.example.net:443"],
  deny: [],
  rules: [{ host: "api.example.com", methods: ["GET"], paths: ["/v1/**"] }],
};

/** A sandbox that is not there, or is paused or being paused. */
const NOT_RUNNING = ["SANDBOX_NOT_FOUND", "SANDBOX_PAUSED", "CHANGED_MEANWHILE"] as const;

/** Every operation of the REST API, by its key in the table of scopes. */
export const OPERATIONS: Readonly<Record<string, Operation>> = {
  "GET /api/v1/sandboxes": {
    ...listed,
    id: "listSandboxes",
    summary: "Lists sandboxes with all their fields",
    query: sandboxListQuery,
    answer: page(sandboxDetailSchema),
  },
  "GET /api/v1/sandboxes/:id": {
    id: "getSandbox",
    tag: "Sandboxes",
    summary: "One sandbox, also after it has stopped",
    answer: { status: 200, description: "The sandbox.", schema: sandboxDetailSchema },
    errors: ["SANDBOX_NOT_FOUND"],
  },
  "GET /api/v3/sandboxes": {
    ...listed,
    id: "listSandboxesV3",
    summary: "Lists sandboxes, as Deno Sandbox does",
    query: sandboxListQuery,
    answer: page(sandboxMetadataSchema),
  },
  "GET /api/v2/sandboxes": {
    ...listed,
    id: "listSandboxesV2",
    summary: "Lists sandboxes, all at once unless `limit` or `cursor` is given",
    query: pageQuery,
    answer: page(sandboxMetadataSchema),
  },
  "PATCH /api/v3/sandbox/:id": {
    id: "extendSandbox",
    tag: "Sandboxes",
    summary: "Moves a sandbox's stop time",
    description:
      "Never makes it earlier, and at most as late as the server's limit permits. The answer has the time in effect.",
    body: extendRequestSchema,
    example: { stop_at_ms: 1_798_761_600_000 },
    answer: { status: 200, description: "The stop time in effect.", schema: extendAnswerSchema },
    errors: [...NOT_RUNNING, "INVALID_TIMEOUT"],
  },
  "DELETE /api/v3/sandbox/:id": { ...kill, id: "killSandbox" },
  "DELETE /api/v3/sandboxes/:id": { ...kill, id: "killSandboxByList" },

  "POST /api/v1/sandboxes/:id/fork": {
    id: "forkSandbox",
    tag: "Sandboxes",
    summary: "Forks a running sandbox",
    description:
      "Each child goes on where the sandbox is, with its processes, memory and disk. All children come to be, or none. A child without a timeout ends when its parent's would; the child of a session is a session, which the first client to connect owns.",
    body: forkRequestSchema,
    example: { count: 2, timeout: "10m" },
    answer: { status: 201, description: "The children.", schema: z.array(sandboxDetailSchema) },
    errors: [
      ...NOT_RUNNING,
      "INVALID_TIMEOUT",
      "SANDBOX_HAS_VOLUMES",
      "NOT_FORKABLE",
      "CONCURRENCY_LIMIT",
      "NO_CAPACITY",
      "NO_SPACE",
    ],
  },
  "POST /api/v1/sandboxes/:id/pause": {
    id: "pauseSandbox",
    tag: "Sandboxes",
    summary: "Pauses a running sandbox to disk",
    description:
      "Its memory is free when this answers, and its connections are closed. A restart of the server does not affect it.",
    answer: { status: 200, description: "The paused sandbox.", schema: sandboxDetailSchema },
    errors: [...NOT_RUNNING, "SANDBOX_HAS_VOLUMES", "NOT_FORKABLE", "PAUSED_LIMIT", "NO_CAPACITY", "NO_SPACE"],
  },
  "POST /api/v1/sandboxes/:id/resume": {
    id: "resumeSandbox",
    tag: "Sandboxes",
    summary: "Lets a paused sandbox go on",
    description:
      "Without a timeout it has the time that it had left, at least five minutes; a session is owned by the first client to connect.",
    body: resumeRequestSchema,
    example: { timeout: "10m" },
    answer: { status: 200, description: "The running sandbox.", schema: sandboxDetailSchema },
    errors: [
      "SANDBOX_NOT_FOUND",
      "SANDBOX_NOT_PAUSED",
      "CHANGED_MEANWHILE",
      "INVALID_TIMEOUT",
      "CANNOT_RESUME",
      "CONCURRENCY_LIMIT",
      "NO_CAPACITY",
      "NO_SPACE",
    ],
  },

  "GET /api/v3/sandboxes/create": {
    id: "createSandbox",
    tag: "Connections",
    summary: "WebSocket: creates a sandbox",
    description: "Its id is in the header `x-deno-sandbox-id` of the upgrade's answer. JSON-RPC follows.",
    headers: {
      "x-deno-sandbox-config": { description: "The configuration: JSON in base64; see docs/api.md.", required: true },
    },
    answer: { status: 101, description: "The sandbox is ready." },
    errors: [
      "INVALID_CONFIG",
      "INVALID_TIMEOUT",
      "CONCURRENCY_LIMIT",
      "UPGRADE_REQUIRED",
      "NO_CAPACITY",
      "HOST_NOT_READY",
      "NOT_SUPPORTED",
    ],
  },
  "GET /api/v3/sandbox/:id/connect": {
    id: "connectSandbox",
    tag: "Connections",
    summary: "WebSocket: connects to a running sandbox",
    answer: { status: 101, description: "JSON-RPC follows." },
    errors: [...NOT_RUNNING, "CONNECTION_LIMIT", "UPGRADE_REQUIRED"],
  },

  "GET /api/v1/sandboxes/:id/egress": {
    id: "getEgress",
    tag: "Egress",
    summary: "What a sandbox may reach, also after it has stopped",
    answer: { status: 200, description: "The policy, and the secrets without their values.", schema: egressViewSchema },
    errors: ["SANDBOX_NOT_FOUND"],
  },
  "PATCH /api/v1/sandboxes/:id/egress": {
    id: "changeEgress",
    tag: "Egress",
    summary: "Changes what a running sandbox may reach",
    description: "Absent fields do not change. Answers once the change is in effect, also on open connections.",
    body: egressChangeSchema,
    example: { allow: { add: ["api.example.com"] }, rules: policy.rules },
    answer: { status: 200, description: "The policy now in effect.", schema: egressViewSchema },
    errors: ["SANDBOX_NOT_FOUND", "NO_ALLOW_LIST", "CHANGED_MEANWHILE", "EGRESS_UNAVAILABLE"],
  },
  "PUT /api/v1/sandboxes/:id/egress/secrets/:name": {
    id: "setSecret",
    tag: "Egress",
    summary: "Adds a secret, or replaces its value",
    body: secretRequestSchema,
    example: { value: "sk-…", hosts: ["api.example.com"] },
    answer: { status: 200, description: "The secret, without its value.", schema: secretViewSchema },
    errors: ["SANDBOX_NOT_FOUND", "CHANGED_MEANWHILE", "EGRESS_UNAVAILABLE"],
  },
  "DELETE /api/v1/sandboxes/:id/egress/secrets/:name": {
    id: "revokeSecret",
    tag: "Egress",
    summary: "Revokes a secret",
    answer: gone,
    errors: ["SANDBOX_NOT_FOUND", "SECRET_NOT_FOUND", "INVALID_REQUEST", "EGRESS_UNAVAILABLE"],
  },
  "GET /api/v1/sandboxes/:id/egress/log": {
    id: "exportEgressLog",
    tag: "Egress",
    summary: "What a sandbox reached, as a file",
    query: logQuery,
    answer: file("Events as JSON Lines, or an HTTP archive.", "application/jsonl", "application/json"),
    errors: ["SANDBOX_NOT_FOUND", "INVALID_REQUEST"],
  },

  ...STORAGE_OPERATIONS,
  ...APP_OPERATIONS,

  ...DOOR_OPERATIONS,

  "GET /api/v1/events": {
    id: "listEvents",
    tag: "Events",
    summary: "Lists events",
    query: eventListQuery,
    answer: page(eventSchema),
    errors: ["INVALID_REQUEST", "INVALID_CURSOR"],
  },
  "GET /api/v1/events/stream": {
    id: "followEvents",
    tag: "Events",
    summary: "Events as they happen",
    description:
      "Server-sent events; the data of each is an event as JSON. Continues after the event named by `after` or `Last-Event-ID`.",
    query: followQuery,
    headers: { "last-event-id": { description: "Id of the last event that was received." } },
    answer: file("A stream that does not end.", "text/event-stream"),
    errors: ["INVALID_REQUEST"],
  },

  "GET /api/v1/tokens": {
    id: "listTokens",
    tag: "Tokens",
    summary: "Lists the organisation's tokens; an administrator's token lists all",
    answer: {
      status: 200,
      description: "Tokens, oldest first, never with their secret.",
      schema: z.array(tokenSchema),
    },
  },
  "POST /api/v1/tokens": {
    id: "createToken",
    tag: "Tokens",
    summary: "Creates a token",
    description: "Only this answer contains the token itself.",
    body: tokenRequestSchema,
    example: { name: "ci", scope: "run", expiresInMs: 2_592_000_000 },
    answer: { status: 201, description: "The token.", schema: newTokenSchema },
    errors: ["ORGANISATION_NOT_FOUND"],
  },
  "DELETE /api/v1/tokens/:id": {
    id: "revokeToken",
    tag: "Tokens",
    summary: "Revokes a token",
    description: "Its open connections end.",
    answer: gone,
    errors: ["TOKEN_NOT_FOUND"],
  },

  "GET /api/v1/organisations": {
    id: "listOrganisations",
    tag: "Organisations",
    summary: "Lists all organisations",
    answer: { status: 200, description: "Organisations, oldest first.", schema: z.array(organisationSchema) },
  },
  "POST /api/v1/organisations": {
    id: "createOrganisation",
    tag: "Organisations",
    summary: "Creates an organisation",
    body: organisationRequestSchema,
    example: { slug: "acme", name: "Acme" },
    answer: { status: 201, description: "The organisation.", schema: organisationSchema },
    errors: ["SLUG_ALREADY_IN_USE"],
  },

  "GET /api/v1/info": {
    id: "getInfo",
    tag: "Server",
    summary: "Version, region, limits, and the host",
    answer: { status: 200, description: "The server.", schema: serverInfoSchema },
  },
  "GET /api/v1/health": {
    id: "getHealth",
    tag: "Server",
    summary: "Answers if the server is up",
    answer: { status: 200, description: "It serves.", schema: z.object({ status: z.literal("ok") }) },
  },
  "GET /api/openapi.json": {
    id: "getOpenApi",
    tag: "Server",
    summary: "This document: OpenAPI 3.1",
    answer: file("An OpenAPI document.", "application/json"),
  },
  "GET /api/rpc.json": {
    id: "getRpcSchema",
    tag: "Server",
    summary: "The methods of a connection as JSON Schema",
    answer: file("Schemas of the params and the result of each method.", "application/json"),
  },
  "GET /api/docs": {
    id: "getDocs",
    tag: "Server",
    summary: "The API as a page to read",
    answer: file("A page.", "text/html"),
  },
};
