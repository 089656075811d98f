/** Held by this package only: the constructors that ask for it cannot be called from outside. */
export const PRIVATE: unique symbol = Symbol("sandkeep");

/** Throws unless the caller belongs to this package. */
export function requirePrivate(key: symbol, what: string, instead: string): void {
  if (key !== PRIVATE) throw new TypeError(`${what} cannot be constructed directly: use ${instead}`);
}
