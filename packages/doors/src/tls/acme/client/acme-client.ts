import type { z } from "zod";
import type { Clock } from "../clock.ts";
import type { AccountKey, ExternalAccount } from "./account-key.ts";
import { accountSchema, type Directory, directorySchema } from "./answers.ts";
import { AcmeError, type Problem, printable, problemSchema } from "./error.ts";
import { retryAt } from "./retry-after.ts";
import type { Answer, Exchange, Transport } from "./transport.ts";

/** How often a request is sent again with another nonce. Servers lose nonces when they restart. */
const MAX_NONCE_TRIES = 10;
/** How often reading is tried again after a failure that may pass, and the first pause, which doubles, milliseconds. */
const READ_RETRIES = 2;
const READ_PAUSE_MS = 1_000;
/** Pauses while the certificate authority works, milliseconds: they double, unless it says how long to wait. */
const FIRST_POLL_MS = 250;
const MAX_POLL_MS = 10_000;
const MAX_ASKED_POLL_MS = 60_000;

export interface ClientOptions {
  /** Address of the directory. */
  directory: string;
  key: AccountKey;
  /** The account's address, if it has been opened. */
  account: string | null;
  transport: Transport;
  clock: Clock;
  /** Ends everything. It limits how long the client waits for the certificate authority. */
  signal: AbortSignal;
}

/** What was asked for, and where it is. */
export interface Reply<Body> {
  body: Body;
  /** Its address, if it is new. */
  location: string | null;
  /** When to ask again, in milliseconds since 1970. */
  retryAt: number | null;
}

/** Speaks ACME (RFC 8555) for an account: signs requests, keeps nonces, and turns refusals into errors. */
export class AcmeClient {
  readonly directory: Directory;
  readonly #options: ClientOptions;
  #account: string | null;
  #nonce: string | null = null;

  private constructor(options: ClientOptions, directory: Directory) {
    this.directory = directory;
    this.#options = options;
    this.#account = options.account;
  }

  /** Reads the directory. @throws {AcmeError} */
  static async connect(options: ClientOptions): Promise<AcmeClient> {
    const { transport, directory, signal, clock } = options;
    const answer = await patiently(options, () =>
      sendOnce(transport, { method: "GET", url: directory, signal }, clock),
    );
    return new AcmeClient(options, parse(answer, directorySchema, "the directory"));
  }

  get key(): AccountKey {
    return this.#options.key;
  }

  get signal(): AbortSignal {
    return this.#options.signal;
  }

  /** Opens an account for the key, or finds the one that it has. Resolves to its address. */
  async register(email: string | null, external: ExternalAccount | null): Promise<string> {
    const { newAccount, meta } = this.directory;
    if (meta?.externalAccountRequired && !external) {
      throw new AcmeError(
        "The certificate authority wants an account that was opened elsewhere; set tls.acme.externalAccount.",
      );
    }
    this.#account = null;
    const { location } = await this.post(newAccount, accountSchema, "an account", {
      termsOfServiceAgreed: true,
      ...(email !== null && { contact: contactOf(email) }),
      ...(external && { externalAccountBinding: await this.key.bind(newAccount, external) }),
    });
    if (location === null) throw new AcmeError("The certificate authority opened an account without an address.");
    return (this.#account = location);
  }

  /** Whether the account is still there. @throws {AcmeError} if it was closed */
  async accountExists(account: string): Promise<boolean> {
    try {
      await this.read(account, accountSchema, "the account");
      return true;
    } catch (error) {
      if (error instanceof AcmeError && error.type === "accountDoesNotExist") return false;
      throw error;
    }
  }

  /** Where the certificate authority writes to; null for nowhere. */
  async setContact(account: string, email: string | null): Promise<void> {
    await this.post(account, accountSchema, "the account", { contact: contactOf(email) });
  }

  /** Sends a signed request. @param what what it asks for, for errors @throws {AcmeError} */
  async post<Body>(url: string, schema: z.ZodType<Body>, what: string, payload: unknown): Promise<Reply<Body>> {
    return this.#reply(await this.#signed(url, what, payload), schema, what);
  }

  /** Reads something of the account's. */
  async read<Body>(url: string, schema: z.ZodType<Body>, what: string): Promise<Reply<Body>> {
    return this.#reply(await patiently(this.#options, () => this.#signed(url, what, undefined)), schema, what);
  }

  /** Reads text of another type than JSON. */
  async readText(url: string, accept: string, what: string): Promise<string> {
    const answer = await patiently(this.#options, () => this.#signed(url, what, undefined, accept));
    return answer.body.toString("latin1");
  }

  /** Reads something until the certificate authority has finished its work on it. */
  async poll<Body>(
    url: string,
    schema: z.ZodType<Body>,
    what: string,
    isPending: (body: Body) => boolean,
  ): Promise<Body> {
    const { clock, signal } = this.#options;
    for (let pause = FIRST_POLL_MS; ; pause = Math.min(pause * 2, MAX_POLL_MS)) {
      const { body, retryAt } = await this.read(url, schema, what);
      if (!isPending(body)) return body;
      const asked = retryAt === null ? pause : Math.min(retryAt - clock.now(), MAX_ASKED_POLL_MS);
      await clock.sleep(Math.max(asked, FIRST_POLL_MS), signal);
    }
  }

  /** Reads something public. */
  async fetch<Body>(url: string, schema: z.ZodType<Body>, what: string): Promise<Reply<Body>> {
    const { transport, clock, signal } = this.#options;
    const answer = await sendOnce(transport, { method: "GET", url, signal }, clock);
    if (answer.status >= 400) throw refusal(answer, what, clock.now());
    return this.#reply(answer, schema, what);
  }

  #reply<Body>(answer: Answer, schema: z.ZodType<Body>, what: string): Reply<Body> {
    const { location } = answer.headers;
    return {
      body: parse(answer, schema, what),
      location: location ?? null,
      retryAt: retryAt(answer.headers["retry-after"], this.#options.clock.now()),
    };
  }

  async #signed(url: string, what: string, payload: unknown, accept?: string): Promise<Answer> {
    const { transport, key, signal, clock } = this.#options;
    for (let tries = 1; ; tries++) {
      const body = await key.sign(url, payload, await this.#takeNonce(), this.#account);
      const answer = await transport.send({ method: "POST", url, body, signal, ...(accept && { accept }) });
      this.#keepNonce(answer);
      if (answer.status < 400) return answer;
      const refused = refusal(answer, what, clock.now());
      if (refused.type !== "badNonce" || tries === MAX_NONCE_TRIES) throw refused;
    }
  }

  async #takeNonce(): Promise<string> {
    if (this.#nonce === null) {
      const { transport, signal } = this.#options;
      this.#keepNonce(await transport.send({ method: "HEAD", url: this.directory.newNonce, signal }));
    }
    const nonce = this.#nonce;
    if (nonce === null) throw new AcmeError("The certificate authority gave no nonce.");
    this.#nonce = null;
    return nonce;
  }

  #keepNonce({ headers }: Answer): void {
    const nonce = headers["replay-nonce"];
    // RFC 8555, section 6.5.1: other values are ignored.
    if (typeof nonce === "string" && /^[A-Za-z0-9_-]{1,512}$/.test(nonce)) this.#nonce = nonce;
  }
}

/** Without a signature: of the directory, and of what is public. Failures of the server are errors here already. */
async function sendOnce(transport: Transport, exchange: Exchange, clock: Clock): Promise<Answer> {
  const answer = await transport.send(exchange);
  if (answer.status >= 500) throw refusal(answer, new URL(exchange.url).pathname, clock.now());
  return answer;
}

/** Tries again what only reads, if the failure may pass. */
async function patiently({ clock, signal }: ClientOptions, read: () => Promise<Answer>): Promise<Answer> {
  for (let retry = 0; ; retry++) {
    try {
      return await read();
    } catch (error) {
      const mayPass = error instanceof AcmeError && error.type === "" && error.retryAt === null;
      if (!mayPass || retry === READ_RETRIES) throw error;
      await clock.sleep(READ_PAUSE_MS * 2 ** retry, signal);
    }
  }
}

const contactOf = (email: string | null) => (email === null ? [] : [`mailto:${email}`]);

function refusal(answer: Answer, what: string, now: number): AcmeError {
  const at = retryAt(answer.headers["retry-after"], now);
  let problem: Problem | undefined;
  try {
    problem = problemSchema.parse(JSON.parse(answer.body.toString("utf8")));
  } catch {
    // Not ACME: an error page of whatever stands before the server.
  }
  if (problem && problem.type !== "") return AcmeError.from(problem, what, at);
  const text = printable(answer.body.toString("utf8").replaceAll(/<[^>]*>/g, " "));
  return new AcmeError(`The certificate authority answered ${what} with status ${answer.status}: ${text}`, {
    retryAt: at,
  });
}

function parse<Body>(answer: Answer, schema: z.ZodType<Body>, what: string): Body {
  try {
    return schema.parse(JSON.parse(answer.body.toString("utf8")));
  } catch (error) {
    throw new AcmeError(`What the certificate authority answered for ${what} is not ACME.`, {
      type: "malformedAnswer",
      cause: error,
    });
  }
}
