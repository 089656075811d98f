import { createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes } from "node:crypto";

const BEGIN = "-----BEGIN OPENSSH PRIVATE KEY-----";
const END = "-----END OPENSSH PRIVATE KEY-----";
const MAGIC = Buffer.from("openssh-key-v1\0");
const TYPE = "ssh-ed25519";
const KEY_BYTES = 32;
/** The format pads its private part to multiples of this. */
const BLOCK_BYTES = 8;

/** A new Ed25519 key as OpenSSH's `ssh-keygen` writes it. (That of `ssh2` is malformed once in 500 times.) */
export function newOpenSshKey(comment: string): string {
  const { privateKey } = generateKeyPairSync("ed25519");
  const { d, x } = privateKey.export({ format: "jwk" });
  const publicKey = Buffer.from(x!, "base64url");
  const seed = Buffer.from(d!, "base64url");
  const name = text(TYPE);
  const check = randomBytes(4);
  const secret = Buffer.concat([
    check,
    check,
    name,
    text(publicKey),
    text(Buffer.concat([seed, publicKey])),
    text(comment),
  ]);
  const padding = Buffer.from(Array.from({ length: -secret.length & (BLOCK_BYTES - 1) }, (_, index) => index + 1));
  const none = text("none");
  const key = Buffer.concat([
    MAGIC,
    none, // cipher
    none, // key derivation
    text(""), // its options
    Buffer.from([0, 0, 0, 1]), // keys
    text(publicForm(publicKey)),
    text(Buffer.concat([secret, padding])),
  ]);
  const lines = key.toString("base64").match(/.{1,70}/g)!;
  return [BEGIN, ...lines, END, ""].join("\n");
}

/** The public key, in SSH's form, of a private Ed25519 key without a passphrase; null if the text is none. */
export function publicPart(key: string): Buffer | null {
  const [begin, ...lines] = key.trim().split(/\r?\n/);
  if (begin !== BEGIN || lines.pop() !== END) return null;
  try {
    const reader = new Reader(Buffer.from(lines.join(""), "base64"));
    if (!reader.take(MAGIC.length).equals(MAGIC)) return null;
    const [cipher, derivation] = [reader.text(), reader.text(), reader.text()].map(String);
    if (cipher !== "none" || derivation !== "none" || reader.number() !== 1) return null;
    const publicKey = reader.text();
    const secret = new Reader(reader.text());
    const [check, same] = [secret.number(), secret.number()];
    if (check !== same || String(secret.text()) !== TYPE) return null;
    const raw = secret.text();
    return publicKey.equals(publicForm(raw)) && belongTogether(secret.text(), raw) ? publicKey : null;
  } catch {
    // It ends too early, or is no point of the curve.
    return null;
  }
}

function publicForm(raw: Buffer): Buffer {
  return Buffer.concat([text(TYPE), text(raw)]);
}

function belongTogether(secret: Buffer, publicKey: Buffer): boolean {
  const seed = secret.subarray(0, KEY_BYTES);
  if (!secret.equals(Buffer.concat([seed, publicKey]))) return false;
  const jwk = { kty: "OKP", crv: "Ed25519", d: seed.toString("base64url"), x: publicKey.toString("base64url") };
  const derived = createPublicKey(createPrivateKey({ key: jwk, format: "jwk" })).export({ format: "jwk" });
  return derived.x === jwk.x;
}

/** Reads what SSH writes. @throws {RangeError} at the end */
class Reader {
  #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  take(length: number): Buffer {
    if (length > this.#bytes.length) throw new RangeError("The key ends too early.");
    const taken = this.#bytes.subarray(0, length);
    this.#bytes = this.#bytes.subarray(length);
    return taken;
  }

  number(): number {
    return this.take(4).readUInt32BE();
  }

  text(): Buffer {
    return this.take(this.number());
  }
}

/** A string of SSH: its length, then the bytes. */
function text(bytes: string | Buffer): Buffer {
  const content = Buffer.from(bytes as string);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(content.length);
  return Buffer.concat([length, content]);
}
