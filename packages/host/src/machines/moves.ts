/**
 * Changes of a paused machine's owner that its record does not have, because the record could not be read then: a sector of
 * the disk fails, for example. It is not known whether they concern the machine. They apply once its record can be read.
 */
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { errnoOf, writeFileAtomically } from "@sandkeep/common";
import { z } from "zod";

const MOVES = "moves.json";

/** From one owner to another. */
const movesSchema = z.array(z.object({ from: z.string(), owner: z.string() }));
export type Moves = z.infer<typeof movesSchema>;

/** In their order. @param dir the machine's folder @throws if they cannot be read */
export async function readMoves(dir: string): Promise<Moves> {
  try {
    return movesSchema.parse(JSON.parse(await readFile(join(dir, MOVES), "utf8")));
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return [];
    throw error;
  }
}

/** Durable when this resolves. @throws if the disk fails here, too */
export async function noteMove(dir: string, move: Moves[number]): Promise<void> {
  await writeFileAtomically(join(dir, MOVES), JSON.stringify([...(await readMoves(dir)), move]));
}

/** The record has them. */
export async function forgetMoves(dir: string): Promise<void> {
  await rm(join(dir, MOVES), { force: true });
}

/** Whose a machine is after the moves. */
export function ownerAfter(moves: Moves, recorded: string): string {
  return moves.reduce((at, { from, owner }) => (at === from ? owner : at), recorded);
}
