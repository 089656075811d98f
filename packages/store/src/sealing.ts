import type { SealingStore } from "./contract.ts";
import { type SqlDriver, sql } from "./driver.ts";

export function sealingStore(driver: SqlDriver): SealingStore {
  return {
    async probe(owner) {
      // The nameless one was written when there was one control plane: whoever opens it wrote it.
      const [row] = await driver.query<{ probe: string }>(
        "SELECT probe FROM sealing WHERE owner IN (?, '') ORDER BY owner DESC LIMIT 1",
        [owner],
      );
      return row?.probe ?? null;
    },
    async setProbe(owner, sealed) {
      await driver.write(
        sql(
          "INSERT INTO sealing (owner, probe) VALUES (?, ?) ON CONFLICT (owner) DO UPDATE SET probe = excluded.probe",
          owner,
          sealed,
        ),
      );
    },
  };
}
