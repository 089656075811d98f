import { UsageError } from "../errors.ts";

/** A parser for an option's value: a whole number between two bounds. */
export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : NaN;
    if (!(value >= least && value <= most)) {
      throw new UsageError(`"${text}" is not a number from ${least} to ${most}`, "give a whole number in that range");
    }
    return value;
  };
}
