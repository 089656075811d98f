import type { EgressSpec, SealedSecret } from "@sandkeep/egress";
import { ApiError } from "@sandkeep/protocol";
import { anotherPlaceholder } from "../egress/placeholder.ts";

/**
 * Placeholders of ancestors that a sandbox's proxy may have to look for, in all its secrets together. Every request is
 * searched for each, in every way that programs write them.
 */
const MAX_ALIASES = 512;

/**
 * What a fork may reach: the same as its parent. Its secrets have placeholders of their own; those of its parent, which
 * its programs have in memory, stand for the same values in its requests. The values stay sealed as they are.
 *
 * @throws {ApiError} `NOT_FORKABLE` after too many generations
 */
export function forkEgress({ policy, secrets }: EgressSpec): EgressSpec {
  const aliases = secrets.reduce((count, secret) => count + 1 + (secret.aliases ?? []).length, 0);
  if (aliases > MAX_ALIASES)
    throw new ApiError(
      "NOT_FORKABLE",
      `The sandbox is a fork of forks: with one more generation, its secrets would have ${aliases} placeholders of earlier ones, but the limit is ${MAX_ALIASES}.`,
    );
  return { policy, secrets: secrets.map(forkSecret) };
}

function forkSecret(secret: SealedSecret): SealedSecret {
  const { placeholder, form, aliases = [], sealedFor = placeholder } = secret;
  return { ...secret, placeholder: anotherPlaceholder(form), aliases: [placeholder, ...aliases], sealedFor };
}
