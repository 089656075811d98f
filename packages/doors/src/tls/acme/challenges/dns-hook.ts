import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { promisify } from "node:util";
import type { Logger } from "@sandkeep/common";
import { AcmeError, printable } from "../client/error.ts";
import type { Challenge, Solver } from "./solver.ts";

/** How long the program may take, milliseconds: it waits until the name servers have the record. */
const HOOK_TIMEOUT_MS = 5 * 60_000;
const MAX_OUTPUT_BYTES = 64 * 1024;

const run = promisify(execFile);

/**
 * Answers DNS-01, the only challenge for wildcards (RFC 8555, section 8.4), by a program of the operator's, which is called as lego calls
 * its `exec` provider: `HOOK present _acme-challenge.example.com. VALUE`, and later `HOOK cleanup …` with the same arguments.
 */
export class DnsHook implements Solver {
  readonly type = "dns-01";
  readonly #program: string;
  readonly #log: Logger;

  constructor(program: string, log: Logger) {
    this.#program = program;
    this.#log = log;
  }

  async present({ name, keyAuthorization }: Challenge, signal: AbortSignal): Promise<AsyncDisposable> {
    const record = `_acme-challenge.${name}.`;
    const value = createHash("sha256").update(keyAuthorization).digest("base64url");
    const cleanUp = {
      [Symbol.asyncDispose]: () =>
        this.#run("cleanup", record, value).catch((error: Error) =>
          this.#log.warn({ err: error }, "a DNS record for a certificate may be left over"),
        ),
    };
    try {
      await this.#run("present", record, value, signal);
    } catch (error) {
      // It may have added the record before it failed.
      await cleanUp[Symbol.asyncDispose]();
      throw error;
    }
    return cleanUp;
  }

  async #run(action: "present" | "cleanup", record: string, value: string, signal?: AbortSignal): Promise<void> {
    const limits = { timeout: HOOK_TIMEOUT_MS, maxBuffer: MAX_OUTPUT_BYTES, killSignal: "SIGKILL" } as const;
    // A value may begin with a dash, as in any base64url; the program gets it as it is.
    await run(this.#program, [action, record, value], { ...limits, signal }).catch((error: HookError) => {
      signal?.throwIfAborted();
      const said = printable(error.stderr?.trim().split("\n").at(-1) ?? "");
      const how = error.killed
        ? `did not end within ${HOOK_TIMEOUT_MS / 1_000} s`
        : typeof error.code === "number"
          ? `ended with status ${error.code}`
          : printable(error.message);
      throw new AcmeError(`The DNS hook ${this.#program} ${action} ${record} ${how}${said && `: ${said}`}`, {
        type: "dnsHook",
        cause: error,
      });
    });
  }
}

interface HookError extends Error {
  code?: number | string;
  killed?: boolean;
  stderr?: string;
}
