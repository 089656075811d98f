import type { SealingStore } from "./contract.ts";
import { type SqlDriver, sql } from "./driver.ts";

export function sealingStore(driver: SqlDriver): SealingStore {
  return {
    async probe(owner) {
      // Earlier versions had one control plane and stored its value without a name: whoever can open it wrote it.
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
