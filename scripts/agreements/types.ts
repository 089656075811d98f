/** Helpers for comparing types. The type check is the test: its error names what differs. */

export type Expect<T extends true> = T;
/** Whether two types are the same, including which fields are optional. */
export type Equal<A, B> =
  (<T>() => T extends Flat<A> ? 1 : 2) extends <T>() => T extends Flat<B> ? 1 : 2 ? true : false;
/** True, or the keys whose comparison failed. */
export type All<T extends Record<string, boolean>> = T[keyof T] extends true
  ? true
  : { [K in keyof T as T[K] extends true ? never : K]: "differs" };

type Atom = string | number | boolean | bigint | null | undefined | Date | RegExp;
/** The same type, with intersections written out. */
export type Flat<T> = T extends Atom ? T : { [K in keyof T]: Flat<T[K]> };
/** The same type, with `string` for `"a"` and so on. */
export type Kinds<T> = T extends string
  ? string
  : T extends number
    ? number
    : T extends boolean
      ? boolean
      : T extends Atom
        ? T
        : { [K in keyof T]: Kinds<T[K]> };
/** The same type, with every field required: for readers who treat absent, undefined and null alike. */
export type Given<T> = T extends null | undefined ? never : T extends Atom ? T : { [K in keyof T]-?: Given<T[K]> };
