import {
  doorSchema,
  doorTokenRequestSchema,
  exposeAnswerSchema,
  exposeRequestSchema,
  exposeSshAnswerSchema,
  exposeSshRequestSchema,
  terminalLinkSchema,
} from "@sandkeep/protocol";
import { z } from "zod";
import { doorsQuery } from "../routes/doors.ts";
import { gone } from "./answers.ts";
import type { Operation } from "./operation.ts";

const expose = {
  tag: "Doors",
  body: exposeRequestSchema,
  answer: { status: 200, description: "The door's address.", schema: exposeAnswerSchema },
  errors: [
    "SANDBOX_NOT_FOUND",
    "SANDBOX_PAUSED",
    "CHANGED_MEANWHILE",
    "DOOR_LIMIT",
    "SLUG_ALREADY_IN_USE",
    "INVALID_REQUEST",
  ],
} as const satisfies Partial<Operation>;

/** Operations on doors, by their keys in the table of scopes. */
export const DOOR_OPERATIONS: Readonly<Record<string, Operation>> = {
  "POST /api/v3/sandbox/:id/expose/http": {
    ...expose,
    id: "exposeHttp",
    summary: "Gives an HTTP server in a sandbox an address",
    description:
      "Each call makes another. Without `port` and `pid`, the RPC method `exposeHttp` says later what is behind it, as the official JavaScript client does.",
    example: { port: 8000, auth: "token", expiresInMs: 3_600_000 },
  },
  "POST /api/v3/sandbox/:id/expose/vscode": {
    ...expose,
    id: "exposeVscode",
    summary: "The same for VS Code",
    example: {},
  },
  "POST /api/v3/sandbox/:id/expose/ssh": {
    id: "exposeSsh",
    tag: "Doors",
    summary: "Lets people log in to a sandbox by SSH",
    description:
      "Each call makes another user name. Whoever knows it can log in, with one of the keys if there are any.",
    body: exposeSshRequestSchema,
    example: {},
    answer: { status: 200, description: "How to log in.", schema: exposeSshAnswerSchema },
    errors: [
      "SANDBOX_NOT_FOUND",
      "SANDBOX_PAUSED",
      "CHANGED_MEANWHILE",
      "DOOR_LIMIT",
      "INVALID_REQUEST",
      "NOT_SUPPORTED",
    ],
  },
  "POST /api/v1/sandboxes/:id/terminal": {
    id: "openTerminal",
    tag: "Doors",
    summary: "Makes a link that opens a terminal in a browser",
    description: "It works once, within a minute, for whoever has it.",
    answer: { status: 201, description: "The link.", schema: terminalLinkSchema },
    errors: ["SANDBOX_NOT_FOUND", "SANDBOX_PAUSED", "CHANGED_MEANWHILE", "TERMINAL_LIMIT"],
  },
  "GET /api/v1/doors": {
    id: "listDoors",
    tag: "Doors",
    summary: "Lists doors, and the names that the organisation keeps",
    query: doorsQuery,
    answer: { status: 200, description: "Doors, oldest first.", schema: z.array(doorSchema) },
    errors: ["INVALID_REQUEST"],
  },
  "DELETE /api/v1/doors/:name": {
    id: "closeDoor",
    tag: "Doors",
    summary: "Closes a door",
    description: "Ends what is open through it. A stable name is free again.",
    answer: gone,
    errors: ["DOOR_NOT_FOUND"],
  },
  "POST /api/v1/doors/:name/token": {
    id: "replaceDoorToken",
    tag: "Doors",
    summary: "Gives a private door a new token",
    description: "The earlier one ends, with everything that is open under it.",
    body: doorTokenRequestSchema,
    example: { expiresInMs: 3_600_000 },
    answer: { status: 201, description: "The token, and the address with it.", schema: exposeAnswerSchema },
    errors: ["DOOR_NOT_FOUND", "INVALID_REQUEST"],
  },
  "DELETE /api/v1/doors/:name/token": {
    id: "revokeDoorToken",
    tag: "Doors",
    summary: "Revokes the token of a private door",
    answer: gone,
    errors: ["DOOR_NOT_FOUND", "INVALID_REQUEST"],
  },
};
