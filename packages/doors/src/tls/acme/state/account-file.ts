import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { readOwnFile, writeFileAtomically } from "@sandkeep/common";
import { z } from "zod";
import { AccountKey } from "../client/account-key.ts";
import { AcmeError } from "../client/error.ts";

const schema = z.object({
  key: z.record(z.string(), z.string()),
  /** Null until the certificate authority has opened the account. */
  url: z.string().nullable(),
  email: z.string().nullable(),
});

/** An account, as it is kept: whoever reads the key can order certificates in its name. */
export interface Account {
  key: AccountKey;
  url: string | null;
  /** The address that the certificate authority was given. */
  email: string | null;
}

/** The account of one certificate authority, in a file that only its owner can read. */
export class AccountFile {
  readonly #path: string;

  constructor(dir: string) {
    this.#path = join(dir, "account.json");
  }

  /** The account; a new key, which is on disk before it is used, if there is none. */
  async load(): Promise<Account> {
    const text = await readOwnFile(this.#path);
    if (text !== null) {
      try {
        const { key, url, email } = schema.parse(JSON.parse(text));
        return { key: await AccountKey.load(key), url, email };
      } catch (error) {
        throw new AcmeError(`The file ${this.#path} is damaged. Restore it, or remove it to open a new account.`, {
          cause: error,
        });
      }
    }
    const account: Account = { key: await AccountKey.generate(), url: null, email: null };
    await mkdir(join(this.#path, ".."), { recursive: true, mode: 0o700 });
    await this.save(account);
    return account;
  }

  async save({ key, url, email }: Account): Promise<void> {
    await writeFileAtomically(this.#path, `${JSON.stringify({ key: key.jwk, url, email })}\n`);
  }
}
