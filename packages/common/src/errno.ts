/** The code of an error of Node's or the operating system's, such as `ENOENT`; undefined when it has none. */
export function errnoOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === "string" ? code : undefined;
}
