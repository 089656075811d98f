/** Which messages `ssh2` gets to see. */

/** What is used of the insides of `ssh2`. */
interface Protocol {
  _onPayload(payload: Buffer): unknown;
}

/** The other side ends the connection (RFC 4253, section 11.1). */
export const DISCONNECT = 1;

/** Messages of the transport and of key exchanges (RFC 4253, RFC 8308), and requests to log in (RFC 4252). */
const LOGIN_MESSAGES = new Set([DISCONNECT, 2, 3, 4, 5, 7, 20, 21, 50]);
const KEY_EXCHANGE = { from: 30, to: 49 };

/**
 * Whether a message can be part of a login. `ssh2` acts on all others too: it answers those that nobody who has not logged in may send, and
 * makes room for as many answers to questions that it has not asked as the message says.
 */
export function isOfLogin(type: number): boolean {
  return LOGIN_MESSAGES.has(type) || (type >= KEY_EXCHANGE.from && type <= KEY_EXCHANGE.to);
}

const GLOBAL_REQUEST = 80;
/** Number and length come before it. */
const NAME_AT = 1 + 4;

/** Whether it is a request that only servers make: `ssh2` reads all keys in it, which can take a fifth of a second. */
export function isOfServer(message: Buffer): boolean {
  return message[0] === GLOBAL_REQUEST && message.indexOf("hostkeys-00@openssh.com") === NAME_AT;
}

/** Drops the messages that are not allowed. To be called before the first key exchange is over, in which `ssh2` itself allows no others. */
export function filterMessages(client: object, allows: (message: Buffer) => boolean): void {
  const protocol = (client as { _protocol: Protocol })._protocol;
  const onPayload = protocol._onPayload;
  protocol._onPayload = (message) =>
    message.length === 0 || !allows(message) ? undefined : onPayload.call(protocol, message);
}
