/** Something that a client wants, by name. */
export type Wish<Answer = unknown> = readonly [name: string, fulfil: () => Promise<Answer>];

/** What came of things that were wanted at the same time. */
export interface Outcomes {
  /** Why the others were refused. */
  refusals: unknown[];
  /** How many of those with a name were done. */
  done(name: string): number;
  /** Each with its outcome, in one line. */
  toString(): string;
}

/** Wants everything at the same time. Resolves when there is an answer to each. */
export async function atOnce(wishes: readonly Wish[]): Promise<Outcomes> {
  const outcomes = await Promise.allSettled(wishes.map(([, fulfil]) => fulfil()));
  const isDone = (n: number) => outcomes[n]!.status === "fulfilled";
  return {
    refusals: outcomes.flatMap((one) => (one.status === "rejected" ? [one.reason] : [])),
    done: (name) => wishes.filter(([other], n) => other === name && isDone(n)).length,
    toString: () =>
      wishes
        .map(([name], n) => `${name} ${isDone(n) ? "done" : (outcomes[n] as PromiseRejectedResult).reason}`)
        .join("; "),
  };
}
