import { CliError, ExitCode } from "../../errors.ts";
import type { InputStream } from "../../output/terminal.ts";

/** Reads standard input to its end, as text of at most this many bytes. @throws {CliError} */
export async function readInput(stdin: InputStream, maxBytes: number): Promise<string> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of stdin as AsyncIterable<Buffer>) {
    length += piece.length;
    if (length > maxBytes)
      throw new CliError("INPUT_TOO_LARGE", `standard input has more than ${maxBytes} bytes`, {
        hint: "send less",
        exitCode: ExitCode.usage,
      });
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString();
}
