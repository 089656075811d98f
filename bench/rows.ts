import type { Figures } from "./figures.ts";
import {
  type Count,
  type Duration,
  type FigureName,
  GOALS,
  type Goal,
  goalText,
  type Limit,
  milliseconds,
} from "./goals.ts";
import type { Summary } from "./statistics.ts";

/** One line of the table. */
export interface Row {
  figure: string;
  value: string;
  goal: string;
  /** Undefined when there is nothing to compare. */
  reached: boolean | undefined;
}

/** What the row of a goal shows of the figures, without the goal's own words. */
type Shown = Omit<Row, "goal">;

/** The table: a row for each goal whose figure was taken, in the order of the measurements. */
export function rowsOf(figures: Partial<Figures>): Row[] {
  return Object.values(GOALS)
    .flat()
    .flatMap((goal) => {
      if (figures[goal.figure] === undefined) return [];
      const shown = show(goal, figures);
      return shown ? [{ ...shown, goal: goalText(goal) }] : [];
    });
}

function show(goal: Goal, figures: Partial<Figures>): Shown | undefined {
  const { figure } = goal;
  const value = figures[figure];
  switch (goal.kind) {
    case "duration":
      return duration(figure, goal, value as Pick<Summary, "p50" | "p95"> & { n?: number });
    case "count":
      return count(figure, goal, value as { ok: number });
    case "limit":
      return limit(figure, goal, value as number | Record<string, number | null>);
    case "expectation": {
      const text = goal.show(figures);
      return text === undefined ? undefined : { figure: `${figure}, ${goal.title}`, value: text, reached: undefined };
    }
  }
}

function duration(figure: FigureName, goal: Duration, taken: Pick<Summary, "p50" | "p95"> & { n?: number }): Shown {
  return {
    figure: `${figure} p50 / p95${taken.n === undefined ? "" : ` (n=${taken.n})`}`,
    value: `${milliseconds(taken.p50)} / ${milliseconds(taken.p95)} ms`,
    reached: taken.p50 <= (goal.p50 ?? Number.POSITIVE_INFINITY) && taken.p95 <= (goal.p95 ?? Number.POSITIVE_INFINITY),
  };
}

function count(figure: FigureName, { of }: Count, { ok }: { ok: number }): Shown {
  return { figure: `${figure} ok`, value: `${ok} of ${of}`, reached: ok === of };
}

function limit(figure: FigureName, goal: Limit, taken: number | Record<string, number | null>): Shown {
  const several = typeof taken === "number" ? undefined : taken;
  const value = several ? several[goal.part!] : (taken as number);
  const title = goal.title ?? (several ? `ok=${several.ok}` : undefined);
  const name = title === undefined ? figure : `${figure} ${title}`;
  // A server elsewhere does not reveal what its processes use.
  if (value === undefined || value === null) return { figure: name, value: "–", reached: undefined };
  const { atMost = Number.POSITIVE_INFINITY, atLeast = Number.NEGATIVE_INFINITY } = goal;
  return {
    figure: name,
    value: `${value.toFixed(goal.digits)}${goal.unit}`,
    reached: value <= atMost && value >= atLeast,
  };
}
