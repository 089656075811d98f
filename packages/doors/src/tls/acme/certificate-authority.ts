import { KeyedQueue } from "@sandkeep/common";
import type { CertificatePair } from "../contract.ts";
import type { Solver } from "./challenges/solver.ts";
import type { ExternalAccount } from "./client/account-key.ts";
import { AcmeClient } from "./client/acme-client.ts";
import { AcmeError } from "./client/error.ts";
import { Transport } from "./client/transport.ts";
import type { Clock } from "./clock.ts";
import { order } from "./order.ts";
import { askForWindow, type Suggestion } from "./renewal/renewal-info.ts";
import { type Account, AccountFile } from "./state/account-file.ts";

/** From the order to the certificate, milliseconds: DNS records may take minutes to be seen. */
const ORDER_TIMEOUT_MS = 15 * 60_000;
const INFO_TIMEOUT_MS = 60_000;

export interface AuthorityOptions {
  /** Address of the certificate authority's directory. */
  directory: string;
  /** Where the certificate authority writes to when something is wrong. */
  email: string | null;
  externalAccount: ExternalAccount | null;
  /** PEM certificates to trust besides the system's. */
  ca: string | null;
  userAgent: string;
  /** Where the account is kept. */
  dir: string;
  solver: Solver;
  clock: Clock;
}

/** A certificate authority with our account there. Orders one certificate after another. */
export class CertificateAuthority implements Disposable {
  readonly #options: AuthorityOptions;
  readonly #transport: Transport;
  readonly #accounts: AccountFile;
  readonly #queue = new KeyedQueue();

  constructor(options: AuthorityOptions) {
    this.#options = options;
    this.#transport = new Transport({
      userAgent: options.userAgent,
      ...(options.ca !== null && { ca: options.ca }),
    });
    this.#accounts = new AccountFile(options.dir);
  }

  /** @throws {AcmeError} or the signal's reason */
  order(names: readonly string[], replaces: string | null, signal: AbortSignal): Promise<CertificatePair> {
    return this.#queue.run("orders", async () => {
      signal.throwIfAborted();
      const limited = AbortSignal.any([signal, AbortSignal.timeout(ORDER_TIMEOUT_MS)]);
      const { solver } = this.#options;
      try {
        const client = await this.#client(limited);
        return await order({ client, names, solver, replaces });
      } catch (error) {
        signal.throwIfAborted();
        if (!limited.aborted) throw error;
        const minutes = ORDER_TIMEOUT_MS / 60_000;
        throw new AcmeError(`The certificate authority did not finish an order within ${minutes} minutes.`, {
          cause: error,
        });
      }
    });
  }

  /** When the certificate authority wants a certificate to be renewed, if it says so. @throws {AcmeError} */
  async suggestion(certificateId: string, signal: AbortSignal): Promise<Suggestion | null> {
    const limited = AbortSignal.any([signal, AbortSignal.timeout(INFO_TIMEOUT_MS)]);
    const client = await this.#connect(await this.#accounts.load(), limited);
    return await askForWindow(client, certificateId, this.#options.clock.now());
  }

  /** A client whose account is open. */
  async #client(signal: AbortSignal): Promise<AcmeClient> {
    const { email, externalAccount } = this.#options;
    const account = await this.#accounts.load();
    const client = await this.#connect(account, signal);
    if (account.url === null || !(await client.accountExists(account.url))) {
      // Finds the account that the key already has, if there is one.
      account.url = await client.register(email, externalAccount);
    } else if (account.email !== email) {
      await client.setContact(account.url, email);
    } else {
      return client;
    }
    await this.#accounts.save({ ...account, email });
    return client;
  }

  #connect({ key, url }: Account, signal: AbortSignal): Promise<AcmeClient> {
    const { directory, clock } = this.#options;
    return AcmeClient.connect({ directory, key, account: url, transport: this.#transport, clock, signal });
  }

  [Symbol.dispose](): void {
    this.#transport[Symbol.dispose]();
  }
}
