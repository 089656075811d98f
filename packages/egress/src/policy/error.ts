/** An invalid policy. The message is a sentence for the person who wrote it. */
export class PolicyError extends Error {
  override readonly name: string = "PolicyError";
}

/** Longest part of user input that an error quotes, in characters. */
const QUOTED_LENGTH = 100;

/** User input for use in a sentence: quoted, escaped, and truncated. */
export function quote(text: string): string {
  return JSON.stringify(text.length > QUOTED_LENGTH ? `${text.slice(0, QUOTED_LENGTH)}…` : text);
}
