/**
 * The key exchange `mlkem768x25519-sha256` (draft-ietf-sshm-mlkem-hybrid-kex): ML-KEM-768 (FIPS 203) and X25519 side by side, so that the
 * secret is safe as long as one of them is.
 */

import {
  createHash,
  createPublicKey,
  decapsulate,
  diffieHellman,
  encapsulate,
  generateKeyPairSync,
  type KeyObject,
} from "node:crypto";

/** Sizes in bytes. */
const ML_KEM_KEY = 1184;
const ML_KEM_CIPHERTEXT = 1088;
const X25519_KEY = 32;

/** What precedes the raw key in SubjectPublicKeyInfo. */
const ML_KEM_SPKI = Buffer.from("308204b2300b0609608648016503040402038204a100", "hex");
const X25519_SPKI = Buffer.from("302a300506032b656e032100", "hex");

/**
 * The server's part: its answer to the client's message, and the secret.
 *
 * @throws if the message is not what it should be
 */
export function answer(message: Buffer): { reply: Buffer; secret: Buffer } {
  const [mlKem, x25519] = split(message, ML_KEM_KEY);
  const { ciphertext, sharedKey } = encapsulate(publicKey(ML_KEM_SPKI, mlKem));
  const own = generateKeyPairSync("x25519");
  const classic = diffieHellman({ privateKey: own.privateKey, publicKey: publicKey(X25519_SPKI, x25519) });
  return { reply: Buffer.concat([ciphertext, raw(own.publicKey, X25519_SPKI)]), secret: combine(sharedKey, classic) };
}

/** The client's part: its message, and the secret once the answer is there. Only tests are clients. */
export function ask(): { message: Buffer; secret(reply: Buffer): Buffer } {
  const mlKem = generateKeyPairSync("ml-kem-768");
  const x25519 = generateKeyPairSync("x25519");
  return {
    message: Buffer.concat([raw(mlKem.publicKey, ML_KEM_SPKI), raw(x25519.publicKey, X25519_SPKI)]),
    secret(reply) {
      const [ciphertext, theirs] = split(reply, ML_KEM_CIPHERTEXT);
      const sharedKey = decapsulate(mlKem.privateKey, ciphertext);
      const classic = diffieHellman({ privateKey: x25519.privateKey, publicKey: publicKey(X25519_SPKI, theirs) });
      return combine(sharedKey, classic);
    },
  };
}

function combine(postQuantum: Buffer, classic: Buffer): Buffer {
  return createHash("sha256").update(postQuantum).update(classic).digest();
}

function split(message: Buffer, first: number): [Buffer, Buffer] {
  if (message.length !== first + X25519_KEY)
    throw new Error(`A message of ${message.length} bytes instead of ${first + X25519_KEY}.`);
  return [message.subarray(0, first), message.subarray(first)];
}

function publicKey(prefix: Buffer, key: Buffer): KeyObject {
  return createPublicKey({ key: Buffer.concat([prefix, key]), format: "der", type: "spki" });
}

function raw(key: KeyObject, prefix: Buffer): Buffer {
  return key.export({ format: "der", type: "spki" }).subarray(prefix.length);
}
