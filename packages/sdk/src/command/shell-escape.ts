/** Characters that need no quotes in any shell, anywhere in a word. */
const PLAIN = /^[a-zA-Z0-9_/.:@%+,-]+$/;

/** One argument for a shell, quoted if necessary. Null and undefined are empty arguments. */
export function escapeShellArg(value: unknown): string {
  if (typeof value === "object" && value !== null)
    throw new TypeError("An object cannot be an argument of a shell command");
  const text = String(value ?? "");
  return PLAIN.test(text) ? text : `'${text.replaceAll("'", `'"'"'`)}'`;
}

/** The command line of a template. Substitutions are quoted; the elements of an array one by one. */
export function shellCommand(strings: TemplateStringsArray, substitutions: unknown[]): string {
  const escaped = substitutions.map((value) =>
    Array.isArray(value) ? value.map(escapeShellArg).join(" ") : escapeShellArg(value),
  );
  // The cooked strings, as readers of the template expect: `\n` is a line feed.
  return strings.map((text, index) => text + (escaped[index] ?? "")).join("");
}
