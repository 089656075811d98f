// Runs inside the guest, in a user's Deno REPL, as its first code. The server asks it for the outcome of each
// evaluation as JSON, since `deno repl --json` itself tells only String(value).
{
  const MAX_CHARS = REPL_ANSWER_CHARS;
  const { stringify } = JSON;

  // Values that JSON cannot represent get the nearest form; see wire-protocol §7.5.
  const plain = (_key, value) => {
    if (typeof value === "bigint") return String(value);
    if (value instanceof Map) return [...value];
    if (value instanceof Set) return [...value];
    if (value instanceof RegExp) return String(value);
    if (value instanceof Error) return { name: value.name, message: value.message, ...value };
    if (ArrayBuffer.isView(value) && !(value instanceof DataView)) return [...value];
    return value;
  };

  const describe = (error, depth = 0) => {
    if (!(error instanceof Error) && !(error instanceof DOMException))
      return { constructorName: "Error", message: text(error) };
    const nested = (value) => (value instanceof Error && depth < 4 ? describe(value, depth + 1) : null);
    return {
      constructorName: String(error.constructor?.name || "Error"),
      name: String(error.name),
      message: String(error.message),
      code: typeof error.code === "string" ? error.code : null,
      stack: typeof error.stack === "string" ? error.stack : null,
      cause: nested(error.cause),
      errors: Array.isArray(error.errors)
        ? error.errors
            .slice(0, 100)
            .map((value) => nested(value))
            .filter(Boolean)
        : null,
    };
  };

  const text = (value) => {
    try {
      return typeof value === "string" ? value : Deno.inspect(value);
    } catch {
      return "an error that cannot be shown";
    }
  };

  // The REPL keeps the last value and error where only these getters see them.
  const value = Object.getOwnPropertyDescriptor(globalThis, "_");
  const error = Object.getOwnPropertyDescriptor(globalThis, "_error");
  let last;
  // To the REPL, asking for the outcome is an evaluation too; but by `_` people mean their own last value.
  Object.defineProperty(globalThis, "_", { ...value, get: () => last });
  const helper = {
    // The outcome of the evaluation before this one, as one line of JSON.
    async outcome(failed) {
      try {
        if (failed) return stringify({ error: describe(error.get()) });
        last = value.get();
        const result = last instanceof Promise ? await last : last;
        const json = stringify(
          { ok: result === undefined || typeof result === "function" || typeof result === "symbol" ? null : result },
          plain,
        );
        if (json.length > MAX_CHARS) throw new RangeError(`The value is larger than ${MAX_CHARS} characters of JSON`);
        return json;
      } catch (thrown) {
        return stringify({ error: describe(thrown) });
      }
    },
  };
  Object.defineProperty(globalThis, Symbol.for("sandkeep.repl"), { value: helper });

  // An error outside an evaluation would end the REPL: report it where people look, and continue.
  addEventListener("error", (event) => {
    if (event.defaultPrevented) return;
    event.preventDefault();
    console.error(`Uncaught ${text(event.error)}`);
  });
  addEventListener("unhandledrejection", (event) => {
    if (event.defaultPrevented) return;
    event.preventDefault();
    console.error(`Uncaught (in promise) ${text(event.reason)}`);
  });
}
