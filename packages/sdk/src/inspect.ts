import util from "node:util";

/** An object that decides how `console.log` shows it. */
export interface Inspectable {
  /** How `console.log` shows it. */
  [util.inspect.custom](depth: number, options: util.InspectOptionsStylized): string;
}

/**
 * Base of the classes that {@link inspectable} is called for. It only declares their method: `isolatedDeclarations` rejects a
 * computed name in a class.
 */
export const Inspectable: new () => Inspectable = class {} as new () => Inspectable;

/** Defines how `console.log` shows the objects of a class. Their state is private, so `shown` picks what is worth showing. */
export function inspectable<T extends Inspectable>(
  type: { prototype: T },
  name: string,
  shown: (object: T) => object,
): void {
  type.prototype[util.inspect.custom] = function (this: T, depth, options) {
    return inspected(name, shown(this), depth, options);
  };
}

function inspected(name: string, shown: object, depth: number, options: util.InspectOptionsStylized): string {
  if (depth < 0) return options.stylize(`[${name}]`, "special");
  const remaining = options.depth === null || options.depth === undefined ? options.depth : depth - 1;
  return `${name} ${util.inspect(shown, { ...options, depth: remaining })}`;
}
