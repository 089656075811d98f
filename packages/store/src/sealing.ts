import type { SealingStore } from "./contract.ts";
import { type SqlDriver, sql } from "./driver.ts";

export function sealingStore(driver: SqlDriver): SealingStore {
  return {
    async probe() {
      const [row] = await driver.query<{ probe: string }>("SELECT probe FROM sealing WHERE id = 1", []);
      return row?.probe ?? null;
    },
    async setProbe(sealed) {
      await driver.write(
        sql(
          "INSERT INTO sealing (id, probe) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET probe = excluded.probe",
          sealed,
        ),
      );
    },
  };
}
