/** Why a request or connection does not get through, and how a program is told. */
import type { Header } from "./headers.ts";

/** On every answer that is the proxy's own: `denied` or `failed`. */
export const VERDICT_HEADER = "sandkeep-verdict";

export interface RefusalOptions {
  status: number;
  /** Denied by policy or for what the request is, or failed although it was allowed. */
  verdict: "denied" | "failed";
  /** The pattern or rule that decided. */
  rule?: string | null;
  /** What whoever reads it could do. */
  advice?: string;
  headers?: Header[];
}

/** Thrown wherever a request turns out not to get through. The message is for people and holds no value of a secret. */
export class Refusal extends Error {
  readonly status: number;
  readonly verdict: "denied" | "failed";
  readonly rule: string | null;
  readonly advice: string | null;
  readonly headers: Header[];

  constructor(message: string, { status, verdict, rule = null, advice, headers = [] }: RefusalOptions) {
    super(message);
    this.name = "Refusal";
    this.status = status;
    this.verdict = verdict;
    this.rule = rule;
    this.advice = advice ?? null;
    this.headers = headers;
  }

  /** 403: policy does not allow the host. */
  static denied(reason: string, rule: string | null = null): Refusal {
    return new Refusal(reason, {
      status: 403,
      verdict: "denied",
      rule,
      advice: "Add the host to the sandbox's allowNet if it should be reachable.",
    });
  }

  /** 403: who the request is for is said in several places that do not agree. */
  static mismatch(reason: string): Refusal {
    return new Refusal(reason, {
      status: 403,
      verdict: "denied",
      advice: "Address the request to the host that the connection is for.",
    });
  }

  /** 400: what was sent can be understood in more than one way, or in none. */
  static malformed(reason: string, status = 400): Refusal {
    return new Refusal(reason, { status, verdict: "denied" });
  }

  /** 502: allowed, but it did not work. */
  static failed(reason: string, status = 502): Refusal {
    return new Refusal(reason, { status, verdict: "failed" });
  }
}

/** Longest reason in a status line, characters: what programs such as apt show in one. */
const MAX_STATUS_TEXT = 200;

/** A text that is safe within a line of a protocol: printable ASCII, and not endless. */
export function plainText(text: string, length: number): string {
  const plain = text.replace(/[^\x20-\x7e]+/g, "?");
  return plain.length > length ? `${plain.slice(0, length - 3)}...` : plain;
}

/** The status text of a refusal over HTTP/1.1: the reason, for programs that show nothing else. */
export function refusalStatusText({ message }: Refusal): string {
  return plainText(message, MAX_STATUS_TEXT);
}

/** What the guest gets for a refusal: plain text, or JSON where that is asked for. */
export function refusalAnswer(refusal: Refusal, accept: string | undefined): { headers: Header[]; body: Buffer } {
  const json = accept !== undefined && /\bapplication\/(?:[a-z.+-]+\+)?json\b/i.test(accept);
  const text = [refusal.message, refusal.advice].filter((part) => part !== null).join("\n");
  const { message: reason, advice, rule, verdict } = refusal;
  const body = json ? JSON.stringify({ error: { verdict, reason, rule, advice } }) : `sandkeep: ${text}\n`;
  const bytes = Buffer.from(body);
  return {
    headers: [
      ["content-type", json ? "application/json" : "text/plain; charset=utf-8"],
      ["content-length", String(bytes.length)],
      ["cache-control", "no-store"],
      [VERDICT_HEADER, verdict],
      ...refusal.headers,
    ],
    body: bytes,
  };
}
