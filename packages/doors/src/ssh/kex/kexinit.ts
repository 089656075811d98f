/** The list of key exchanges in a client's KEXINIT message (RFC 4253 section 7.1). */

/** Message number and cookie come before it. */
const LIST_AT = 1 + 16;

/** The names; none if the message is too short. */
export function exchangesIn(message: Buffer): string[] {
  const end = endOfList(message);
  return end === null ? [] : message.toString("latin1", LIST_AT + 4, end).split(",");
}

/** The message with other names. */
export function withExchanges(message: Buffer, names: readonly string[]): Buffer {
  const end = endOfList(message);
  if (end === null) return message;
  const list = Buffer.from(names.join(","), "latin1");
  const length = Buffer.alloc(4);
  length.writeUInt32BE(list.length);
  return Buffer.concat([message.subarray(0, LIST_AT), length, list, message.subarray(end)]);
}

function endOfList(message: Buffer): number | null {
  if (message.length < LIST_AT + 4) return null;
  const end = LIST_AT + 4 + message.readUInt32BE(LIST_AT);
  return end <= message.length ? end : null;
}
