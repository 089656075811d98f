/** The code of an error from Node or the operating system, such as `ENOENT`; undefined if it has none. */
export function errnoOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === "string" ? code : undefined;
}
