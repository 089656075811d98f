import type { Outcome } from "./outcome.ts";

/** One line of `go test -json` (see `go doc test2json`). */
export interface GoTestEvent {
  Action: string;
  Package?: string;
  Test?: string;
  Output?: string;
  Elapsed?: number;
}

/** Counts the tests in the output of `go test -json`, and shows packages and failures. */
export class GoCounter {
  readonly #show: (text: string) => void;
  readonly #verdicts = new Map<string, boolean>();
  readonly #output = new Map<string, string>();
  #brokenPackages = 0;

  constructor(show: (text: string) => void) {
    this.#show = show;
  }

  line(line: string): void {
    let event: GoTestEvent;
    try {
      event = JSON.parse(line) as GoTestEvent;
    } catch {
      // Lines that are not JSON come from the build.
      this.#show(`${line}\n`);
      return;
    }
    const key = `${event.Package} ${event.Test ?? ""}`;
    if (event.Action === "output") this.#output.set(key, (this.#output.get(key) ?? "") + (event.Output ?? ""));
    else if (event.Action === "build-output") this.#show(event.Output ?? "");
    else if (event.Action === "pass" || event.Action === "fail") this.#end(event, key);
  }

  #end(event: GoTestEvent, key: string): void {
    const passed = event.Action === "pass";
    const output = this.#output.get(key) ?? "";
    this.#output.delete(key);
    if (event.Test) {
      this.#verdicts.set(key, passed);
      if (!passed) this.#show(`\n✘ ${key}\n${output}\n`);
      return;
    }
    const own = [...this.#verdicts].filter(([name]) => name.startsWith(`${event.Package} `));
    // A package can fail without a failing test: it does not build, or crashed.
    if (!passed && own.every(([, ok]) => ok)) {
      this.#brokenPackages++;
      this.#show(`\n✘ ${event.Package}\n${output}\n`);
    } else if (own.length > 0) {
      this.#show(
        `${passed ? "✔" : "✘"} ${event.Package} (${own.filter(([, ok]) => ok).length} passed, ${Math.round((event.Elapsed ?? 0) * 1_000)} ms)\n`,
      );
    }
  }

  /** The counts. A test with subtests is counted by its subtests. */
  outcome(code: number | null): Outcome {
    const names = [...this.#verdicts.keys()];
    const parents = new Set(
      names.flatMap((name) => {
        const at = name.lastIndexOf("/");
        return at > name.indexOf(" ") ? [name.slice(0, at)] : [];
      }),
    );
    const leaves = [...this.#verdicts].filter(
      ([name, ok]) =>
        !parents.has(name) || (!ok && !names.some((n) => n.startsWith(`${name}/`) && !this.#verdicts.get(n))),
    );
    const passed = leaves.filter(([, ok]) => ok).length;
    const failed = leaves.length - passed + this.#brokenPackages;
    // The runner itself counts as a failure if it crashed, failed without a failing test, or ran nothing.
    return { passed, failed: failed === 0 && (code !== 0 || passed === 0) ? 1 : failed };
  }
}
