import { ApiError, LABELS, type Labels } from "@sandkeep/protocol";
import { parsePythonDict } from "./python-dict.ts";

/**
 * The labels by which a list is filtered: JavaScript's client sends `labels[key]=value` for each, Python's one `labels=`
 * with the text of a dict (wire-protocol §8, §10.1).
 *
 * @throws {ApiError} `INVALID_REQUEST`
 */
export function labelFilter(query: URLSearchParams): Labels {
  const labels = new Map<string, string>();
  for (const [name, value] of query) {
    const key = /^labels\[(.*)\]$/s.exec(name)?.[1];
    if (key !== undefined) labels.set(key, value);
    if (name === "labels") {
      const dict = parsePythonDict(value);
      if (!dict)
        throw new ApiError("INVALID_REQUEST", "The query parameter labels cannot be parsed: send labels[key]=value.");
      for (const [k, v] of dict) labels.set(k, v);
    }
  }
  if (labels.size > LABELS.max)
    throw new ApiError(
      "INVALID_REQUEST",
      `The query filters by ${labels.size} labels, but a sandbox has at most ${LABELS.max}.`,
    );
  return Object.fromEntries(labels);
}
