/** Something about the sources that a machine can decide without running the product. */
export interface Check {
  name: string;
  /** @returns whether all is well; what is not, it has said */
  run(tools: Tools): Promise<boolean>;
  /** Repairs what can be repaired without thinking. */
  fix?(tools: Tools): Promise<void>;
}

/** What a check works with. */
export interface Tools {
  /** Root of the repository. */
  root: string;
  say(text: string): void;
  /** Runs a program, whose output is shown if the check fails. @returns its exit code; null when it did not run, died or hung */
  execute(file: string, args: string[], options?: ExecuteOptions): Promise<number | null>;
  /** The same, for its standard output. @throws when it fails */
  output(file: string, args: string[], options?: ExecuteOptions): Promise<string>;
}

export interface ExecuteOptions {
  /** From the root of the repository; the root unless given. */
  directory?: string;
  env?: NodeJS.ProcessEnv;
}
