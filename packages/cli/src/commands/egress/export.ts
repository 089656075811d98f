import { createWriteStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { Api } from "../../client/api.ts";
import { sandboxId } from "../../client/sandbox-id.ts";
import { requireTarget } from "../../client/target.ts";
import { CliError } from "../../errors.ts";
import type { Invocation } from "../../tree/spec.ts";
import { egressPath } from "./change.ts";

interface Options {
  format?: "jsonl" | "har";
  output?: string;
}

/** `sandkeep egress export [id]`: streamed, so it can have any size. */
export async function run(invocation: Invocation<Options>): Promise<void> {
  const {
    args: [given],
    options: { format = "jsonl", output },
    terminal,
    env,
  } = invocation;
  const id = sandboxId(given, env);
  const response = await new Api(await requireTarget(invocation)).send("GET", `${egressPath(id)}/log?format=${format}`);
  const body = Readable.fromWeb(response.body!);
  if (output === undefined) {
    for await (const chunk of body) {
      if (!terminal.streams.stdout.write(chunk))
        await new Promise((resolve) => terminal.streams.stdout.once("drain", resolve));
    }
    return;
  }
  try {
    await pipeline(body, createWriteStream(output));
  } catch (error) {
    throw new CliError("EXPORT_FAILED", `cannot write ${output}: ${(error as Error).message}`, {
      hint: "check the directory and the free space on its disk",
      cause: error,
    });
  }
  terminal.result({ file: output, format }, () => output);
}
