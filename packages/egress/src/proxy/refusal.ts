/** Why a request or connection is refused, and the response that the guest gets. */
import type { Header } from "@sandkeep/common/http";

/** On every response made by the proxy itself: `denied` or `failed`. */
export const VERDICT_HEADER = "sandkeep-verdict";

export interface RefusalOptions {
  status: number;
  /** Denied, by policy or because the request is invalid; or allowed, but failed. */
  verdict: "denied" | "failed";
  /** The pattern or rule that decided. */
  rule?: string | null;
  /** What the reader can do about it. */
  advice?: string;
  headers?: Header[];
}

/** Thrown wherever a request is refused. The message is a readable sentence without any secret value. */
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

  /** 403: the request names different hosts in different places. */
  static mismatch(reason: string): Refusal {
    return new Refusal(reason, {
      status: 403,
      verdict: "denied",
      advice: "Address the request to the host that the connection is for.",
    });
  }

  /** 400: the request is invalid or ambiguous. */
  static malformed(reason: string, status = 400): Refusal {
    return new Refusal(reason, { status, verdict: "denied" });
  }

  /** 502: allowed, but it failed. */
  static failed(reason: string, status = 502): Refusal {
    return new Refusal(reason, { status, verdict: "failed" });
  }
}

/** Longest reason in a status line, characters: as much as programs such as apt show on one line. */
const MAX_STATUS_TEXT = 200;

/** Makes a text safe for a protocol line: printable ASCII, truncated to `length` characters. */
export function plainText(text: string, length: number): string {
  const plain = text.replace(/[^\x20-\x7e]+/g, "?");
  return plain.length > length ? `${plain.slice(0, length - 3)}...` : plain;
}

/** A refusal's status text in HTTP/1.1: the reason, for programs that show nothing else. */
export function refusalStatusText({ message }: Refusal): string {
  return plainText(message, MAX_STATUS_TEXT);
}

/** The response to a refused request: plain text, or JSON if the client accepts that. */
export function refusalResponse(refusal: Refusal, accept: string | undefined): { headers: Header[]; body: Buffer } {
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
