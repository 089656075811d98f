import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomically } from "@sandkeep/common";
import { newOrganisationId } from "@sandkeep/protocol";
import { type OrganisationRecord, type Store, UniqueViolation } from "@sandkeep/store";
import { hashToken, newToken } from "./token.ts";

/** File in the data directory, readable by its owner only: an administrator's token for the command line on this computer. */
export const ADMIN_TOKEN_FILE = "admin-token";

/** Creates the first organisation, unless one with this slug exists. */
export async function ensureOrganisation(store: Store, slug: string): Promise<OrganisationRecord> {
  const found = await store.organisations.findBySlug(slug);
  if (found) return found;
  const record = { id: newOrganisationId(), slug, name: slug, createdAt: Date.now() };
  try {
    await store.organisations.insert(record);
    return record;
  } catch (error) {
    // Another server on the same store created it first.
    const other = error instanceof UniqueViolation ? await store.organisations.findBySlug(slug) : null;
    if (!other) throw error;
    return other;
  }
}

/** The token from the file in the data directory; a new one if that token is missing or no longer valid. */
export async function ensureAdminToken(
  store: Store,
  organisation: OrganisationRecord,
  dataDir: string,
): Promise<string> {
  const path = join(dataDir, ADMIN_TOKEN_FILE);
  const kept = (await readFile(path, "utf8").catch(() => "")).trim();
  const hash = hashToken(kept);
  const known = hash === null ? null : await store.tokens.findByHash(hash);
  if (known && known.revokedAt === null && (known.expiresAt === null || known.expiresAt > Date.now())) return kept;
  const {
    token,
    hash: newHash,
    record,
  } = newToken(organisation, { name: "this machine's command line", scope: "admin", expiresAt: null }, Date.now());
  await store.tokens.insert(record, newHash);
  await writeFileAtomically(path, `${token}\n`);
  return token;
}
