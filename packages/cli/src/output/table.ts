import { plain } from "./colour.ts";

export interface Column {
  title: string;
  align?: "left" | "right";
}

const GAP = "  ";

/** Aligns rows in columns. Cells may be coloured; the last column is not padded. */
export function table(columns: Column[], rows: string[][], heading: (text: string) => string = (t) => t): string {
  const widths = columns.map((column, i) =>
    Math.max(column.title.length, ...rows.map((row) => plain(row[i] ?? "").length)),
  );
  const line = (cells: string[], paint: (text: string) => string) =>
    cells
      .map((cell, i) => {
        const padding = " ".repeat(widths[i]! - plain(cell).length);
        if (columns[i]!.align === "right") return padding + paint(cell);
        return i === cells.length - 1 ? paint(cell) : paint(cell) + padding;
      })
      .join(GAP)
      .trimEnd();
  return [
    line(
      columns.map((c) => c.title),
      heading,
    ),
    ...rows.map((row) =>
      line(
        columns.map((_, i) => row[i] ?? ""),
        (t) => t,
      ),
    ),
  ]
    .map((text) => `${text}\n`)
    .join("");
}
