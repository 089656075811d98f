/** Runs hooks: bounded in time, and closed when they fail. */
import { Readable } from "node:stream";
import type { ReadableStream as NodeReadableStream } from "node:stream/web";
import type { HookAnswer, HookContext, HookRequest, HookResponse, Hooks } from "../hooks.ts";
import { endToEnd, type Header, isValid, without } from "./headers.ts";
import { HOOK_TIMEOUT_MS } from "./limits.ts";
import { Refusal } from "./refusal.ts";

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

/** An answer that a hook gave by itself. */
export interface OwnAnswer {
  status: number;
  headers: Header[];
  body: Buffer;
}

const METHOD = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const PATH = /^\/[\x21\x22\x24-\x7e\x80-\xff]*$/;

/** @throws {Refusal} 403 when the hook denies, 502 when it fails */
export async function runRequestHook(hooks: Hooks | null, request: HookedRequest, context: HookContext): Promise<HookedRequest | { answer: OwnAnswer }> {
  if (!hooks?.onRequest) return request;
  const body = new LazyBody(request.body);
  const given = body.into({ method: request.method, path: request.path, headers: copy(request.headers) }) as HookRequest;
  const result = await run("onRequest", (limited) => hooks.onRequest!(given, limited), context);
  if (result && ("deny" in result || "answer" in result)) return ownAnswer(result);
  // Changes in place count as well.
  const { method, path, headers } = result ?? given;
  const changed = messageHeaders("onRequest", headers);
  if (typeof method !== "string" || !METHOD.test(method) || method === "CONNECT") throw failed("onRequest", "it gave a method that is none");
  if (typeof path !== "string" || !(PATH.test(path) || (path === "*" && method === "OPTIONS"))) throw failed("onRequest", "it gave a path that is none");
  return { method, path, headers: without(changed, "expect"), body: body.outOf(result ?? null) };
}

/** @throws {Refusal} 502 when the hook fails */
export async function runResponseHook(hooks: Hooks | null, response: HookedResponse, context: HookContext): Promise<HookedResponse> {
  if (!hooks?.onResponse) return response;
  const body = new LazyBody(response.body);
  const given = body.into({ status: response.status, headers: copy(response.headers) }) as HookResponse;
  const result = await run("onResponse", (limited) => hooks.onResponse!(given, limited), context);
  const { status, headers } = result ?? given;
  if (!isFinalStatus(status)) throw failed("onResponse", "it gave a status that is none");
  const length = response.headers.filter(([name]) => name.toLowerCase() === "content-length");
  const next = body.outOf(result ?? null);
  return { status, headers: [...messageHeaders("onResponse", headers), ...(next === response.body ? length : [])], body: next };
}

async function run<T>(name: string, hook: (context: HookContext) => T | Promise<T>, context: HookContext): Promise<T> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), HOOK_TIMEOUT_MS);
  const signal = AbortSignal.any([context.signal, late.signal]);
  const ended = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(failed(name, late.signal.aborted ? "it took too long" : "the guest has gone")), { once: true });
  });
  ended.catch(() => undefined);
  try {
    return await Promise.race([(async () => hook({ ...context, signal }))(), ended]);
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw failed(name, `it threw ${(error as Error | undefined)?.name ?? "something"}`);
  } finally {
    clearTimeout(timer);
  }
}

function ownAnswer(result: HookAnswer): { answer: OwnAnswer } {
  if ("deny" in result) throw new Refusal(String(result.deny), { status: 403, verdict: "denied", rule: "hook" });
  const { status, headers = [], body = "" } = result.answer;
  if (!isFinalStatus(status)) throw failed("onRequest", "it gave a status that is none");
  const bytes = Buffer.from(body as string);
  return { answer: { status, headers: [...messageHeaders("onRequest", headers), ["content-length", String(bytes.length)]], body: bytes } };
}

/** Headers that a hook may set: none that frames the message or says whom it is for. */
function messageHeaders(hook: string, headers: unknown): Header[] {
  if (!Array.isArray(headers)) throw failed(hook, "it gave headers that are no list");
  const list = headers.map((pair): Header => [String(pair?.[0]), String(pair?.[1])]);
  if (!list.every(isValid)) throw failed(hook, "it gave a header that cannot be written");
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

/** A body that becomes a web stream only when a hook looks at it. */
class LazyBody {
  readonly #body: Readable | null;
  #message: object | null = null;
  #web: ReadableStream<Uint8Array> | null = null;
  #replaced: ReadableStream<Uint8Array> | null | undefined;

  constructor(body: Readable | null) {
    this.#body = body;
  }

  /** Makes it a property of a message. */
  into<T extends object>(message: T): T {
    const set = (body: ReadableStream<Uint8Array> | null) => (this.#replaced = body);
    return (this.#message = Object.defineProperty(message, "body", { enumerable: true, configurable: true, get: () => this.#get(), set })) as T;
  }

  /** What the hook left, by what it returned: the body itself if it never looked at it. */
  outOf(result: { body: ReadableStream<Uint8Array> | null } | null): Readable | null {
    const left = result === null || result === this.#message ? this.#replaced : result.body;
    if (left === undefined) return this.#web ? fromWeb(this.#web) : this.#body;
    if (left !== this.#web && !this.#web) this.#body?.resume();
    return left === null ? null : fromWeb(left);
  }

  #get(): ReadableStream<Uint8Array> | null {
    if (this.#replaced !== undefined) return this.#replaced;
    if (this.#body && !this.#web) this.#web = Readable.toWeb(this.#body) as ReadableStream<Uint8Array>;
    return this.#web;
  }
}

/** @throws {Refusal} for a stream that somebody is reading, or none at all */
function fromWeb(stream: ReadableStream<Uint8Array>): Readable {
  try {
    return Readable.fromWeb(stream as NodeReadableStream);
  } catch {
    throw Refusal.failed("A hook failed: it left a body that cannot be read.");
  }
}
