import type { Sandbox } from "sandkeep";
import type { Streams } from "../output/terminal.ts";
import { type CommandEnd, type CommandSpec, cannotStart, passSignalsOn, toEnd } from "./command.ts";
import { carryOutputs } from "./outputs.ts";
import { feedStdin } from "./streams.ts";

/** The character that ^D sends. */
const END_OF_TRANSMISSION = Uint8Array.of(4);

/**
 * Runs a command on its own terminal in a sandbox, connected to this terminal: it gets every key, also ^C, and this
 * terminal's size. Also works if input and output here are not a terminal.
 */
export async function runOnTerminal(
  sandbox: Sandbox,
  { command, args, cwd, env }: CommandSpec,
  { stdin, stdout }: Streams,
  term: string | undefined,
): Promise<CommandEnd> {
  const size = () => ({ cols: stdout.columns || 80, rows: stdout.rows || 24 });
  const pty = await sandbox
    .pty(command, { args, cwd, env, ...size(), ...(term && { term }) })
    .catch((error: unknown) => {
      throw cannotStart(command, error);
    });
  const resize = () => {
    const { cols, rows } = size();
    // The command may have ended meanwhile.
    pty.resize(cols, rows).catch(() => {});
  };
  const raw = Boolean(stdin.isTTY && stdin.setRawMode);
  using cleanUp = new DisposableStack();
  if (raw) {
    stdin.setRawMode!(true);
    cleanUp.defer(() => void stdin.setRawMode!(false));
  }
  stdout.on("resize", resize);
  cleanUp.defer(() => void stdout.off("resize", resize));
  cleanUp.use(passSignalsOn(pty));
  // On a terminal, a key ends the input; closing the stream would hang up.
  cleanUp.use(feedStdin(stdin, pty.stdin!, { atEnd: END_OF_TRANSMISSION }));
  const status = await carryOutputs(pty, [[pty.stdout!, stdout]]);
  return toEnd(status);
}
