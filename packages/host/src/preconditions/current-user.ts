import { userInfo } from "node:os";

/** Who runs this. A user need not have a name, as in a container that was started with a number. */
export function currentUser(): { uid: number; userName: string } {
  try {
    const { uid, username } = userInfo();
    return { uid, userName: username };
  } catch {
    const uid = process.getuid!();
    return { uid, userName: String(uid) };
  }
}
