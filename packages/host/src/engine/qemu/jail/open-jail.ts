import { fullJail } from "./full.ts";
import type { Jail, JailFiles, JailKind } from "./jail.ts";
import { openMinimalJail } from "./minimal.ts";
import type { JailUser } from "./user.ts";

/** A jail for one process, which may use these files as this user. */
export async function openJail(kind: JailKind, files: JailFiles, user: JailUser | null): Promise<Jail> {
  return kind === "full" ? fullJail(files, user) : await openMinimalJail(files, user);
}
