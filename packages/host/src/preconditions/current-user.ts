import { userInfo } from "node:os";

/** The current user. It may have no name, for example in a container started with a numeric user. */
export function currentUser(): { uid: number; userName: string } {
  try {
    const { uid, username } = userInfo();
    return { uid, userName: username };
  } catch {
    const uid = process.getuid!();
    return { uid, userName: String(uid) };
  }
}
