import type { Scope } from "@sandkeep/protocol";
import type { TokenRecord, TokenStore } from "./contract.ts";
import { type SqlDriver, sql } from "./driver.ts";

interface Row {
  id: string;
  organisation: string;
  slug: string;
  name: string;
  prefix: string;
  scope: Scope;
  created_at: number;
  last_used_at: number | null;
  expires_at: number | null;
  revoked_at: number | null;
}

const SELECT = `SELECT t.id, t.organisation, o.slug, t.name, t.prefix, t.scope, t.created_at, t.last_used_at, t.expires_at, t.revoked_at
  FROM tokens t JOIN organisations o ON o.id = t.organisation`;

const record = (row: Row): TokenRecord => ({
  id: row.id,
  organisation: { id: row.organisation, slug: row.slug },
  name: row.name,
  prefix: row.prefix,
  scope: row.scope,
  createdAt: row.created_at,
  lastUsedAt: row.last_used_at,
  expiresAt: row.expires_at,
  revokedAt: row.revoked_at,
});

export function tokenStore(driver: SqlDriver): TokenStore {
  const select = async (where: string, ...params: (string | number)[]) =>
    (await driver.query<Row>(`${SELECT} ${where}`, params)).map(record);
  const find: TokenStore["find"] = async (organisation, id) => {
    const found = (await select("WHERE t.id = ?", id))[0];
    return found && (organisation === null || found.organisation.id === organisation) ? found : null;
  };
  return {
    async insert(token, hash) {
      await driver.write(
        sql(
          `INSERT INTO tokens (id, organisation, name, prefix, hash, scope, created_at, last_used_at, expires_at, revoked_at)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
          token.id,
          token.organisation.id,
          token.name,
          token.prefix,
          hash,
          token.scope,
          token.createdAt,
          token.lastUsedAt,
          token.expiresAt,
          token.revokedAt,
        ),
      );
    },
    async findByHash(hash) {
      return (await select("WHERE t.hash = ?", hash))[0] ?? null;
    },
    async list(organisation) {
      return organisation === null
        ? await select("ORDER BY t.created_at, t.id")
        : await select("WHERE t.organisation = ? ORDER BY t.created_at, t.id", organisation);
    },
    find,
    async revoke(organisation, id, at) {
      const found = await find(organisation, id);
      if (!found) return null;
      await driver.write(sql("UPDATE tokens SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL", at, id));
      return { ...found, revokedAt: found.revokedAt ?? at };
    },
    async touch(lastUsed) {
      if (lastUsed.size === 0) return;
      await driver.write(
        ...[...lastUsed].map(([id, at]) => sql("UPDATE tokens SET last_used_at = ? WHERE id = ?", at, id)),
      );
    },
  };
}
