import { PolicyError, quote } from "../error.ts";

/** Longest path that is matched, in characters. Servers take 8 to 16 KiB. */
export const MAX_PATH_LENGTH = 16_384;
/** Longest path pattern, in characters. */
export const MAX_PATH_PATTERN_LENGTH = 1024;
/** Occurrences of `**` in one pattern: keeps matching cheap. */
const MAX_DEEP = 8;

/** A path pattern: `*` matches anything within a segment, a segment `**` matches any number of segments. */
export interface PathPattern {
  readonly text: string;
  /** Null: `**`. */
  readonly segments: (Segment | null)[];
}

/** A segment's parts between encoded slashes, each split at `*` into its literals. */
type Segment = string[][];

/** An invalid path pattern. */
export class PathPatternError extends PolicyError {
  override readonly name = "PathPatternError";
}

/**
 * Parses a path pattern. It is compared with decoded paths, case-sensitively. `%2F` means a slash within a segment.
 *
 * @throws PathPatternError
 */
export function parsePathPattern(text: string): PathPattern {
  const fail = (reason: string) => new PathPatternError(`The path pattern ${quote(text)} is not valid: ${reason}.`);
  if (text.length > MAX_PATH_PATTERN_LENGTH) throw fail(`it is longer than ${MAX_PATH_PATTERN_LENGTH} characters`);
  if (!text.startsWith("/")) throw fail('it does not start with "/"');
  if (/[?#]/.test(text)) throw fail("it contains a query or a fragment; only paths are compared");
  const parts = text.slice(1).split("/");
  if (parts.filter((part) => part === "**").length > MAX_DEEP) throw fail(`it has more than ${MAX_DEEP} "**"`);
  const segments = parts.map((part, index) => {
    if (part === "**") return null;
    if (part.includes("**")) throw fail('"**" must be a whole segment');
    if (part === "" && index < parts.length - 1) throw fail("it contains an empty segment");
    if (decodeSegment(part) === null) throw fail("it contains a segment that no request can match");
    return part.split(/%2f/i).map((piece) => piece.split("*").map(decodeURIComponent));
  });
  return { text, segments };
}

/** The ways in which servers may read a path, each as a list of segments. The last segment is empty if the path ends with a slash. */
export type PathReadings = readonly (readonly string[])[];

/**
 * The ways in which servers may read a request's path (without its query), or null if they could disagree too much: dot segments, empty
 * segments, backslashes, control characters, a fragment, escapes that are not UTF-8 or that a second decoding would turn into one of
 * these. No ordinary client sends such paths. There are several readings if a path contains an encoded slash (part of a segment, or a
 * separator) or a `;` (part of a segment, or the start of a parameter).
 */
export function readPath(path: string): PathReadings | null {
  // Everything else must be encoded (RFC 3986 §3.3).
  if (path.length > MAX_PATH_LENGTH || !/^\/[!-~]*$/.test(path) || /[?#]/.test(path)) return null;
  const segments = path.slice(1).split("/").map(decodeSegment);
  if (!isPlain(segments)) return null;
  const readings = [segments];
  if (segments.some((segment) => segment.includes("/")))
    readings.push(segments.flatMap((segment) => segment.split("/")));
  for (const reading of [...readings]) {
    if (reading.some((segment) => segment.includes(";")))
      readings.push(reading.map((segment) => segment.replace(/;.*$/, "")));
  }
  return readings.every(isPlain) ? readings : null;
}

/** Whether there are segments, none consists of dots, and only the last one is empty. */
function isPlain(segments: (string | null)[]): segments is string[] {
  return segments.every(
    (segment, index) => segment !== null && !DOTS.test(segment) && (segment !== "" || index === segments.length - 1),
  );
}

/** `.` and `..`, possibly followed by parameters, which some servers strip first. */
const DOTS = /^\.{1,2}(;|$)/;

/** Decodes a segment. Null if servers may read it in more than one way. */
function decodeSegment(segment: string): string | null {
  let decoded: string;
  try {
    decoded = decodeURIComponent(segment);
  } catch {
    return null;
  }
  const odd = DOTS.test(decoded) || /[\x00-\x1f\x7f\\]/.test(decoded) || /%(00|25|2e|2f|5c)/i.test(decoded);
  return odd ? null : decoded;
}

/** Whether every reading of a path matches at least one of the patterns. */
export function pathMatches(patterns: readonly PathPattern[], readings: PathReadings): boolean {
  return readings.every((reading) => patterns.some((pattern) => fits(pattern.segments, reading)));
}

/** Matches in one pass over the segments, tracking all possible positions in the pattern. The guest chose the path, so the cost must be bounded. */
function fits(pattern: PathPattern["segments"], path: readonly string[]): boolean {
  let places = skipDeep(pattern, new Set([0]));
  for (const segment of path) {
    const next = new Set<number>();
    for (const place of places) {
      const expected = pattern[place];
      if (expected === null) next.add(place);
      else if (expected && segmentFits(expected, segment)) next.add(place + 1);
    }
    if (next.size === 0) return false;
    places = skipDeep(pattern, next);
  }
  return places.has(pattern.length);
}

/** `**` may also match nothing. The set grows during iteration, so several in a row are skipped too. */
function skipDeep(pattern: PathPattern["segments"], places: Set<number>): Set<number> {
  for (const place of places) if (pattern[place] === null) places.add(place + 1);
  return places;
}

function segmentFits(expected: Segment, segment: string): boolean {
  const pieces = segment.split("/");
  return pieces.length === expected.length && pieces.every((piece, index) => pieceFits(expected[index]!, piece));
}

/** Finds the literals one after the other, each as early as possible, so there is no backtracking. */
function pieceFits(literals: string[], piece: string): boolean {
  if (literals.length === 1) return piece === literals[0];
  const first = literals[0]!;
  const last = literals.at(-1)!;
  if (piece.length < first.length + last.length || !piece.startsWith(first) || !piece.endsWith(last)) return false;
  const end = piece.length - last.length;
  let at = first.length;
  for (const literal of literals.slice(1, -1)) {
    const found = piece.indexOf(literal, at);
    if (found < 0) return false;
    at = found + literal.length;
  }
  return at <= end;
}
