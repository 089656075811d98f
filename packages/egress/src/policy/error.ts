/** A policy that cannot be. Its message is a sentence for the person who wrote it. */
export class PolicyError extends Error {
  override readonly name: string = "PolicyError";
}

/** Longest part of somebody's text that an error repeats. */
const QUOTED_LENGTH = 100;

/** Somebody's text within a sentence: quoted, escaped, and not endless. */
export function quote(text: string): string {
  return JSON.stringify(text.length > QUOTED_LENGTH ? `${text.slice(0, QUOTED_LENGTH)}…` : text);
}
