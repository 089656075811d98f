import { appStore } from "./apps/apps.ts";
import type { Store } from "./contract.ts";
import { doorStore } from "./doors/doors.ts";
import type { SqlDriver } from "./driver.ts";
import { eventStore } from "./events.ts";
import { organisationStore } from "./organisations.ts";
import { sandboxStore } from "./sandboxes.ts";
import { sealingStore } from "./sealing.ts";
import { diskStore } from "./storage/disks.ts";
import { tokenStore } from "./tokens.ts";

/** A store on any database with a driver. */
export function storeOn(driver: SqlDriver): Store {
  return {
    organisations: organisationStore(driver),
    tokens: tokenStore(driver),
    sandboxes: sandboxStore(driver),
    disks: diskStore(driver),
    doors: doorStore(driver),
    apps: appStore(driver),
    events: eventStore(driver),
    sealing: sealingStore(driver),
    [Symbol.asyncDispose]: () => driver.close(),
  };
}
