import { Argument, Command, CommanderError, Option } from "commander";
import { UsageError } from "./errors.ts";
import { colours, wantsColour } from "./output/colour.ts";
import { type Streams, Terminal } from "./output/terminal.ts";
import { optionsOf } from "./tree/common.ts";
import type { CommandSpec, CommonOptions } from "./tree/spec.ts";

export interface ProgramContext {
  streams: Streams;
  env: NodeJS.ProcessEnv;
  version: string;
  /** Called when the options are known, before the command runs, so that errors are shown in the requested form. */
  onTerminal?(terminal: Terminal): void;
}

/** Runs a command line. @returns the exit code @throws {CliError} and errors of the command */
export async function runProgram(root: CommandSpec, argv: string[], context: ProgramContext): Promise<number> {
  let exitCode = 0;
  const { defaults, rest } = leadingFlags(argv);
  const build = builder(root, context, defaults, (code) => (exitCode = code));
  const program = build(root);
  program.version(context.version, "-V, --version", "print the version");
  try {
    await program.parseAsync(rest, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Help and version were requested and have been printed. Help that was not requested is a usage error.
    if (error.exitCode === 0) return 0;
    if (error.code === "commander.help") return 2;
    throw new UsageError(error.message.replace(/^error: /, ""), "see `sandkeep --help`");
  }
  return exitCode;
}

/** `sandkeep --json list` means `sandkeep list --json`: flags that every command has may precede it. */
function leadingFlags(argv: string[]): { defaults: { json: boolean; quiet: boolean }; rest: string[] } {
  const end = argv.findIndex((word) => !["--json", "-q", "--quiet"].includes(word));
  const flags = end < 0 ? argv : argv.slice(0, end);
  return {
    defaults: { json: flags.includes("--json"), quiet: flags.includes("-q") || flags.includes("--quiet") },
    rest: argv.slice(flags.length),
  };
}

type Builder = (spec: CommandSpec) => Command;

function builder(
  tree: CommandSpec,
  context: ProgramContext,
  defaults: { json: boolean; quiet: boolean },
  exit: (code: number) => void,
): Builder {
  const { streams, env } = context;
  const build: Builder = (spec) => {
    const command = new Command(spec.name);
    command
      .summary(spec.summary)
      .description(spec.details ? `${spec.summary}.\n\n${spec.details}` : `${spec.summary}.`)
      .aliases(spec.aliases ?? [])
      .helpOption("-h, --help", "print this help")
      .helpCommand(false)
      .showSuggestionAfterError()
      .exitOverride()
      .enablePositionalOptions()
      .configureOutput({
        writeOut: (text) => streams.stdout.write(text),
        // The error is thrown too, and main reports all errors in one form. Only unrequested help is printed here.
        writeErr: (text) => text.startsWith("error: ") || streams.stderr.write(text),
        getOutHasColors: () => wantsColour(streams.stdout, env),
        getErrHasColors: () => wantsColour(streams.stderr, env),
        getOutHelpWidth: () => streams.stdout.columns ?? 100,
        getErrHelpWidth: () => streams.stderr.columns ?? 100,
      })
      .configureHelp({ styleTitle: (title) => colours(wantsColour(streams.stdout, env)).bold(title) });
    if (spec.examples) command.addHelpText("after", () => `\n${exampleText(spec)}`);

    for (const sub of spec.commands ?? []) command.addCommand(build(sub), { hidden: sub.hidden ?? false });
    if (!spec.load) return command;

    for (const word of spec.args?.split(" ") ?? []) command.addArgument(new Argument(word));
    for (const { flags, description, parse, default: value, choices } of optionsOf(spec)) {
      const option = new Option(flags, description);
      if (parse) option.argParser(parse as (text: string, previous: unknown) => unknown);
      if (choices) option.choices(choices);
      if (value !== undefined) option.default(value);
      command.addOption(option);
    }
    if (spec.passThrough) command.passThroughOptions();
    const { load } = spec;
    command.action(async () => {
      const args = spec.passThrough ? withLaterOptions(command) : command.processedArgs;
      const options = command.opts<CommonOptions>();
      const terminal = new Terminal(streams, {
        json: options.json === true || defaults.json,
        quiet: Boolean(options.quiet) || defaults.quiet,
        env,
      });
      context.onTerminal?.(terminal);
      const { run } = await load();
      exit((await run({ args, options, terminal, env, tree })) ?? 0);
    });
    return command;
  };
  return build;
}

/**
 * `exec <id> --cwd /tmp -- ls`: options may also follow the arguments before a command that is passed through. Everything
 * after the command's first word belongs to the command.
 */
function withLaterOptions(command: Command): (string | string[])[] {
  const args = [...command.processedArgs] as (string | string[])[];
  const words = args.pop() as string[];
  if (args.length === 0 || !words[0]?.startsWith("-")) return [...args, words];
  const { operands, unknown } = command.parseOptions(words);
  const [option] = unknown;
  if (option === "-h" || option === "--help") command.help();
  if (option !== undefined)
    throw new UsageError(`unknown option '${option}'`, `see \`sandkeep ${command.name()} --help\``);
  return [...args, operands];
}

function exampleText(spec: CommandSpec): string {
  const lines = spec.examples!.map(([line, what]) => `  # ${what}\n  $ ${line}`);
  return `Examples:\n${lines.join("\n")}\n`;
}
