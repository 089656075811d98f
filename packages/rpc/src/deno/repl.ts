/**
 * A `deno repl --json` in the guest. It takes messages of a 32 bit little-endian length and JSON on a socket at fd 3:
 * `{"type":"Run","code","output"}`, one at a time, and answers each with `RunSuccess` and `String(value)`, `RunFailure`, or
 * `Error` when the code cannot be compiled. A helper in the REPL (`repl-helper.js`) reports values and errors as JSON.
 */
import { SerialQueue } from "@sandkeep/common";
import { type ErrorObject, errorObjectSchema } from "@sandkeep/protocol";
import { z } from "zod";
import { ApplicationError, applicationError, noSuchProcess } from "../errors.ts";
import type { RpcLimits } from "../limits.ts";

const LENGTH_BYTES = 4;

const answerSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("RunSuccess"), output: z.string().nullish() }),
  z.object({ type: z.literal("RunFailure") }),
  z.object({ type: z.literal("Error"), error: z.string() }),
]);
type Answer = z.infer<typeof answerSchema>;

/** The helper's report of an evaluation. */
const outcomeSchema = z.union([z.object({ ok: z.json() }), z.object({ error: errorObjectSchema })]);
type Outcome = z.infer<typeof outcomeSchema>;

interface ReplOptions {
  /** Code that is evaluated first. */
  setup: string;
  limits: Pick<RpcLimits, "replAnswerBytes" | "replQueue">;
  /** Sends bytes to the REPL's socket; no bytes close it. */
  send: (bytes: Uint8Array) => Promise<void>;
}

export class Repl {
  readonly pid: number;
  readonly #options: ReplOptions;
  #held: Buffer = Buffer.alloc(0);
  #answer: PromiseWithResolvers<Answer> | null = null;
  readonly #evaluations = new SerialQueue();
  #queued = 0;
  #over: ApplicationError | null = null;

  constructor(pid: number, options: ReplOptions) {
    this.pid = pid;
    this.#options = options;
    // Without it no outcome can be reported; evaluations will find that out.
    this.#evaluations.run(() => this.#run(options.setup)).catch(() => {});
  }

  /** Whether an evaluation is running. */
  get busy(): boolean {
    return this.#queued > 0;
  }

  /** Evaluates code in the REPL. @throws {ApplicationError} what the code throws */
  eval(code: string): Promise<z.core.util.JSONType> {
    return this.#inTurn(async () => {
      const answer = await this.#run(code);
      if (answer.type === "Error") throw new ApplicationError(compileError(answer.error));
      const outcome = await this.#outcome(answer.type === "RunFailure");
      if ("error" in outcome) throw new ApplicationError(outcome.error);
      return outcome.ok;
    });
  }

  /** Calls a function: the name of a global, or its source. */
  call(fn: string, args: unknown[]): Promise<z.core.util.JSONType> {
    // As JSON inside a string: in an object literal, a key __proto__ would set the prototype.
    const list = `JSON.parse(${JSON.stringify(JSON.stringify(args))})`;
    return this.eval(`await (\n${fn.replace(/[\s;]+$/, "")}\n)(...${list})`);
  }

  /** Receives what the REPL sent. @throws {RangeError | z.ZodError | SyntaxError} if it is not an answer */
  push(bytes: Buffer): void {
    this.#held = this.#held.length ? Buffer.concat([this.#held, bytes]) : bytes;
    if (this.#held.length < LENGTH_BYTES) return;
    const length = this.#held.readUInt32LE();
    if (length > this.#options.limits.replAnswerBytes)
      throw new RangeError(`an answer of ${length} bytes is larger than allowed`);
    const end = LENGTH_BYTES + length;
    if (this.#held.length < end) return;
    const answer = answerSchema.parse(JSON.parse(this.#held.toString("utf8", LENGTH_BYTES, end)));
    this.#held = this.#held.subarray(end);
    const waiting = this.#answer;
    this.#answer = null;
    waiting?.resolve(answer);
  }

  /** Fails running and future evaluations: the REPL has ended, or can no longer be understood. */
  gone(why = `The REPL ${this.pid} has ended`): void {
    this.#over ??= applicationError("Error", why);
    this.#answer?.reject(this.#over);
    this.#answer = null;
  }

  #inTurn<T>(evaluation: () => Promise<T>): Promise<T> {
    if (this.#over) return Promise.reject(noSuchProcess(this.pid));
    const { replQueue } = this.#options.limits;
    if (this.#queued >= replQueue)
      return Promise.reject(applicationError("Busy", `More than ${replQueue} evaluations wait for this REPL`));
    this.#queued++;
    return this.#evaluations.run(evaluation).finally(() => this.#queued--);
  }

  async #run(code: string): Promise<Answer> {
    if (this.#over) throw this.#over;
    const json = Buffer.from(JSON.stringify({ type: "Run", code, output: true }));
    const message = Buffer.allocUnsafe(LENGTH_BYTES + json.length);
    message.writeUInt32LE(json.length);
    json.copy(message, LENGTH_BYTES);
    const waiting = (this.#answer = Promise.withResolvers<Answer>());
    this.#options.send(message).catch(() => this.gone());
    return await waiting.promise;
  }

  async #outcome(failed: boolean): Promise<Outcome> {
    const answer = await this.#run(`await globalThis[Symbol.for("sandkeep.repl")].outcome(${failed})`);
    try {
      return outcomeSchema.parse(JSON.parse(answer.type === "RunSuccess" ? (answer.output ?? "") : ""));
    } catch {
      // User code can break the helper, for example by replacing Promise or Symbol.
      throw applicationError("Error", "The REPL did not report the outcome");
    }
  }
}

/** Deno reports a class and a message in one text: `SyntaxError: Expected …`. */
function compileError(text: string): ErrorObject {
  const [, name, message] = /^(?:Uncaught )?([A-Z]\w*Error): ([^]*)$/.exec(text) ?? [];
  return name ? { constructorName: name, name, message: message! } : { constructorName: "SyntaxError", message: text };
}
