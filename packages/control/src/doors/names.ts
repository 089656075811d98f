import { randomText } from "@sandkeep/protocol";
import { hashToken } from "../auth/token.ts";

/** 5 bits each: 100 random bits, and longer than any name that people choose. */
const NAME_LENGTH = 20;
/** 160 random bits. Together with a name it must fit in a label of a host name, 63 characters. */
const TOKEN_LENGTH = 32;

/** The first label of a new door's host name. Whoever does not know it cannot find the door. */
export function newDoorName(): string {
  return randomText(NAME_LENGTH);
}

/** A new token for one door: lowercase letters and digits, so that it may be part of a host name. */
export function newDoorToken(): { token: string; hash: string } {
  const token = randomText(TOKEN_LENGTH);
  return { token, hash: hashToken(token)! };
}
