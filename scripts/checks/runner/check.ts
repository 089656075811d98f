/** A check of the sources that does not run the product. */
export interface Check {
  name: string;
  /** Reports every problem. @returns whether there is none */
  run(tools: Tools): Promise<boolean>;
  /** Fixes what can be fixed automatically. */
  fix?(tools: Tools): Promise<void>;
}

/** What a check can use. */
export interface Tools {
  /** Root of the repository. */
  root: string;
  say(text: string): void;
  /**
   * Runs a program; its output is shown if the check fails. @returns its exit code; null if it did not run, crashed or
   * hung
   */
  execute(file: string, args: string[], options?: ExecuteOptions): Promise<number | null>;
  /** The same, but returns its standard output. @throws if it fails */
  output(file: string, args: string[], options?: ExecuteOptions): Promise<string>;
}

export interface ExecuteOptions {
  /** Relative to the repository's root, which is the default. */
  directory?: string;
  env?: NodeJS.ProcessEnv;
}
