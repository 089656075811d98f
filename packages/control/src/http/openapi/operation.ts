import type { ErrorCode } from "@sandkeep/protocol";
import type { z } from "zod";

/** How the API document describes one method of a path. Path, scope and general errors come from the table of scopes. */
export interface Operation {
  /** Unique, for generated clients. */
  id: string;
  /** Heading under which it is listed. */
  tag: Tag;
  /** What it does, in a few words. */
  summary: string;
  /** Details beyond the summary, in Markdown. */
  description?: string;
  /** Schema of the query; `labels` says whether `labels[key]=value` filters as well. */
  query?: z.ZodObject;
  labels?: boolean;
  /** Headers that it reads in addition to those of every request. */
  headers?: Readonly<Record<string, { description: string; required?: boolean }>>;
  /** Schema of the JSON body. */
  body?: z.ZodType;
  /** An example of the body. */
  example?: unknown;
  /** Media type of a body that is not JSON, and may be long. */
  upload?: string;
  answer: Answer;
  /** Its own errors. Those of tokens, bodies and the server as a whole are added to each. */
  errors?: readonly ErrorCode[];
}

export interface Answer {
  status: 101 | 200 | 201 | 204;
  description: string;
  /** Schema of JSON. Absent: no body, or one of another type. */
  schema?: z.ZodType;
  /** Media types of a body that is not JSON. */
  types?: readonly string[];
  /** The answer is a page: a `Link` header leads to the next. */
  paged?: boolean;
}

/** Groups of operations, in the order of the page. */
export const TAGS = {
  Sandboxes: "List, look at, extend, fork, pause, resume and end sandboxes.",
  Connections: "WebSockets that create sandboxes or connect to them; see `/api/rpc.json` for the methods.",
  Egress: "What a running sandbox may reach and has reached, and its secrets.",
  Storage: "Volumes and snapshots: disks that outlive sandboxes.",
  Apps: "What was deployed from sandboxes, at addresses of its own.",
  Doors: "Addresses at which servers in sandboxes are reached from outside.",
  Events: "What happened: stored events in pages, new ones as a stream.",
  Tokens: "Access tokens of the organisation.",
  Organisations: "For administrators.",
  Server: "The server itself, and these documents.",
} as const;
export type Tag = keyof typeof TAGS;
