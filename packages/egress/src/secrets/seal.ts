import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject, randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { createFileAtomically, errnoOf } from "@sandkeep/common";
import { MAX_VALUE_BYTES } from "./limits.ts";

const KEY_BYTES = 32;
/** NIST SP 800-38D: a random nonce of 96 bits. */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** First byte of sealed data, so that the cipher can be replaced one day. */
const VERSION = 1;

/** A key file cannot be used, or sealed data cannot be decrypted. Messages contain no value and no key. */
export class SealError extends Error {
  override name = "SealError";
}

/**
 * Encrypts secret values for the store: AES-256-GCM with a key from a file, bound to the secret's placeholder, so that
 * a sealed value cannot be used with another one.
 */
export class Sealer {
  readonly #key: KeyObject;

  private constructor(key: KeyObject) {
    this.#key = key;
  }

  /**
   * Reads the key from a file, or creates the file (mode 0600) if there is none. Concurrent processes get the same key.
   *
   * @throws {SealError} if the file can be read by others, is not a regular file, or does not contain exactly one key
   */
  static async open(file: string): Promise<Sealer> {
    const key = await Sealer.keyOf(file);
    const sealer = Sealer.of(key);
    key.fill(0);
    return sealer;
  }

  /** With a key from {@link keyOf}, which is copied. */
  static of(key: Buffer): Sealer {
    return new Sealer(createSecretKey(key));
  }

  /** The key in a file; see {@link open}. @throws {SealError} */
  static async keyOf(file: string): Promise<Buffer> {
    let key = await readKey(file);
    if (!key) {
      // If another process is first, its key is used.
      await createFileAtomically(file, randomBytes(KEY_BYTES));
      key = await readKey(file);
    }
    if (!key) throw new SealError(`${file}: disappeared while it was being created`);
    return key;
  }

  /** Encrypts a value. The result is base64, and different every time. */
  seal(value: string, placeholder: string): string {
    const plain = Buffer.from(value, "utf8");
    if (plain.length > MAX_VALUE_BYTES) throw new SealError(`The value is longer than ${MAX_VALUE_BYTES} bytes`);
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv("aes-256-gcm", this.#key, nonce, { authTagLength: TAG_BYTES });
    cipher.setAAD(Buffer.from(placeholder, "utf8"));
    const parts = [Buffer.of(VERSION), nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()];
    plain.fill(0);
    return Buffer.concat(parts).toString("base64");
  }

  /** Decrypts what {@link seal} created with this key and placeholder. @throws {SealError} for anything else */
  open(sealed: string, placeholder: string): string {
    const data = Buffer.from(sealed, "base64");
    if (data.length < 1 + NONCE_BYTES + TAG_BYTES || data[0] !== VERSION) {
      throw new SealError("A sealed value has a format that this version does not know");
    }
    const nonce = data.subarray(1, 1 + NONCE_BYTES);
    const decipher = createDecipheriv("aes-256-gcm", this.#key, nonce, { authTagLength: TAG_BYTES });
    decipher.setAAD(Buffer.from(placeholder, "utf8"));
    decipher.setAuthTag(data.subarray(-TAG_BYTES));
    try {
      const plain = Buffer.concat([decipher.update(data.subarray(1 + NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
      return plain.toString("utf8");
    } catch {
      throw new SealError(
        "A sealed value does not open: it was sealed with another key or for another secret, or was changed",
      );
    }
  }
}

async function readKey(file: string): Promise<Buffer | undefined> {
  const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(
    (error: unknown) => {
      const code = errnoOf(error);
      if (code === "ENOENT") return undefined;
      if (code === "ELOOP") throw new SealError(`${file}: is a symbolic link; put the key file itself there`);
      throw new SealError(`${file}: cannot be read (${code})`);
    },
  );
  if (!handle) return undefined;
  try {
    const stat = await handle.stat();
    if (!stat.isFile()) throw new SealError(`${file}: is not a file`);
    if ((stat.mode & 0o077) !== 0) {
      const mode = (stat.mode & 0o777).toString(8).padStart(4, "0");
      throw new SealError(
        `${file}: contains the key that seals secrets, but its mode ${mode} gives others access; run: chmod 600 ${file}`,
      );
    }
    // One byte more than a key, to detect longer files without reading them whole.
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(KEY_BYTES + 1), 0, KEY_BYTES + 1, 0);
    if (bytesRead !== KEY_BYTES) {
      throw new SealError(
        `${file}: does not contain exactly ${KEY_BYTES} bytes; restore it, or remove it and set all secrets again`,
      );
    }
    return buffer.subarray(0, KEY_BYTES);
  } finally {
    await handle.close();
  }
}
