/** Runs hooks with a time limit. If a hook fails, so does the request. */
import type { Readable } from "node:stream";
import { endToEnd, type Header, isValid, without } from "@sandkeep/common/http";
import type { HookAnswer, HookContext, HookRequest, HookResponse, Hooks } from "../../../hooks.ts";
import { HOOK_TIMEOUT_MS } from "../../limits.ts";
import { Refusal } from "../../refusal.ts";
import { HookBody } from "./hook-body.ts";

export interface HookedRequest {
  method: string;
  /** With the query. */
  path: string;
  headers: Header[];
  body: Readable | null;
}

export interface HookedResponse {
  status: number;
  headers: Header[];
  body: Readable | null;
}

/** A response made by a hook itself. */
export interface OwnAnswer {
  status: number;
  headers: Header[];
  body: Buffer;
}

const METHOD = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const PATH = /^\/[\x21\x22\x24-\x7e\x80-\xff]*$/;

/** @throws {Refusal} 403 if the hook denies the request, 502 if the hook fails */
export async function runRequestHook(
  hooks: Hooks | null,
  request: HookedRequest,
  context: HookContext,
): Promise<(HookedRequest & { sameBody: boolean }) | { answer: OwnAnswer }> {
  if (!hooks?.onRequest) return { ...request, sameBody: true };
  const body = new HookBody(request.body);
  const given = body.into({
    method: request.method,
    path: request.path,
    headers: copy(request.headers),
  }) as HookRequest;
  const result = await run("onRequest", (limited) => hooks.onRequest!(given, limited), context);
  return read("onRequest", () => {
    if (result && ("deny" in result || "answer" in result)) return ownAnswer(result);
    // Hooks may also change the request in place.
    const { method, path, headers } = result ?? given;
    const changed = messageHeaders("onRequest", headers);
    if (typeof method !== "string" || !METHOD.test(method) || method === "CONNECT")
      throw failed("onRequest", "it returned an invalid method");
    if (typeof path !== "string" || !(PATH.test(path) || (path === "*" && method === "OPTIONS")))
      throw failed("onRequest", "it returned an invalid path");
    const next = body.outOf(result ?? null);
    return { method, path, headers: without(changed, "expect"), body: next.body, sameBody: next.same };
  });
}

/** @throws {Refusal} 502 if the hook fails */
export async function runResponseHook(
  hooks: Hooks | null,
  response: HookedResponse,
  context: HookContext,
): Promise<HookedResponse> {
  if (!hooks?.onResponse) return response;
  const body = new HookBody(response.body);
  const given = body.into({ status: response.status, headers: copy(response.headers) }) as HookResponse;
  const result = await run("onResponse", (limited) => hooks.onResponse!(given, limited), context);
  return read("onResponse", () => {
    const { status, headers } = result ?? given;
    if (!isFinalStatus(status)) throw failed("onResponse", "it returned an invalid status");
    const length = response.headers.filter(([name]) => name.toLowerCase() === "content-length");
    const list = messageHeaders("onResponse", headers);
    const next = body.outOf(result ?? null);
    return { status, headers: [...list, ...(next.same ? length : [])], body: next.body };
  });
}

async function run<T>(name: string, hook: (context: HookContext) => T | Promise<T>, context: HookContext): Promise<T> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), HOOK_TIMEOUT_MS);
  const signal = AbortSignal.any([context.signal, late.signal]);
  const ended = new Promise<never>((_, reject) => {
    signal.addEventListener(
      "abort",
      () => reject(failed(name, late.signal.aborted ? "it took too long" : "the guest disconnected")),
      { once: true },
    );
  });
  ended.catch(() => undefined);
  try {
    return await Promise.race([(async () => hook({ ...context, signal }))(), ended]);
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw failed(name, `it threw ${nameOf(error)}`);
  } finally {
    clearTimeout(timer);
  }
}

/** Reads a hook's result, which may be anything. */
function read<T>(name: string, reader: () => T): T {
  try {
    return reader();
  } catch (error) {
    throw error instanceof Refusal ? error : failed(name, "it returned something that cannot be read");
  }
}

/** The name of a thrown error. Its message may quote confidential data. */
function nameOf(thrown: unknown): string {
  try {
    const name: unknown = thrown instanceof Error ? thrown.name : null;
    return typeof name === "string" && /^\w+$/.test(name) ? name : "something";
  } catch {
    return "something";
  }
}

function ownAnswer(result: HookAnswer): { answer: OwnAnswer } {
  if ("deny" in result) throw new Refusal(String(result.deny), { status: 403, verdict: "denied", rule: "hook" });
  const { status, headers = [], body = "" } = result.answer;
  if (!isFinalStatus(status)) throw failed("onRequest", "it returned an invalid status");
  const bytes = Buffer.from(body as string);
  return {
    answer: {
      status,
      headers: [...messageHeaders("onRequest", headers), ["content-length", String(bytes.length)]],
      body: bytes,
    },
  };
}

/** The headers that a hook may set: none that frame the message or name its host. */
function messageHeaders(hook: string, headers: unknown): Header[] {
  if (!Array.isArray(headers)) throw failed(hook, "it returned headers that are not a list");
  const list = headers.map(([name, value]): Header => [name, typeof value === "number" ? String(value) : value]);
  if (!list.every((header) => header.every((text) => typeof text === "string") && isValid(header)))
    throw failed(hook, "it returned an invalid header");
  return endToEnd(without(list, "host", "content-length"));
}

function isFinalStatus(status: unknown): status is number {
  return typeof status === "number" && Number.isInteger(status) && status >= 200 && status <= 599;
}

function failed(hook: string, why: string): Refusal {
  return Refusal.failed(`The hook ${hook} failed: ${why}.`);
}

function copy(headers: readonly Header[]): Header[] {
  return headers.map(([name, value]) => [name, value]);
}
