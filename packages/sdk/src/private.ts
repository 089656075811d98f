/** Only this package has it: constructors that require it cannot be called from outside. */
export const PRIVATE: unique symbol = Symbol("sandkeep");

/** Throws unless the caller is part of this package. */
export function requirePrivate(key: symbol, what: string, instead: string): void {
  if (key !== PRIVATE) throw new TypeError(`${what} cannot be constructed directly: use ${instead}`);
}
