import { MIN_ENCODED_BYTES } from "../limits.ts";

/** One way to write a needle. */
export interface Form {
  /** Index of the needle in the list. */
  needle: number;
  kind: "plain" | "base64" | "hex";
  /** The form's bytes, folded. */
  bytes: Uint8Array;
  /** Indexed by byte: the representative of all equivalent bytes, such as `a` for `A` in hexadecimal. */
  fold: Uint8Array;
  /** Whether its characters may be escaped. */
  escapable: boolean;
}

/** Forms share folds, so that tables are created only once for each. */
const SAME = foldOf("", "");
/** In forms and queries a space is written as a plus sign. */
const PLUS = foldOf("+", " ");
/** RFC 4648: folds the alphabet of section 5 into that of section 4. */
const BASE64 = foldOf("-_", "+/");
const HEX = foldOf("ABCDEF", "abcdef");

/**
 * The forms of a list of needles: unchanged; in Latin-1, and with its UTF-8 misread as Latin-1 (by programs that repeat a
 * header in a UTF-8 body); in hexadecimal; and in base64 with either alphabet, one form for each possible offset
 * within groups of three bytes. A base64 form contains only the characters that the needle alone determines. It lacks up to four bits of the
 * needle's first and last byte, which share a character with their neighbours.
 *
 * A needle shorter than {@link MIN_ENCODED_BYTES} has only the unchanged form, without escapes; an empty one has none.
 */
export function formsOf(needles: readonly Buffer[]): Form[] {
  return needles.flatMap((value, needle) => {
    if (value.length === 0) return [];
    const escapable = value.length >= MIN_ENCODED_BYTES;
    const form = (kind: Form["kind"], bytes: Buffer, fold: Uint8Array): Form => ({
      needle,
      kind,
      bytes: bytes.map((byte) => fold[byte]!),
      fold,
      escapable,
    });
    const plain = form("plain", value, escapable && value.includes(" ") ? PLUS : SAME);
    if (!escapable) return [plain];
    const others = inLatin1(value).map((bytes) => form("plain", bytes, plain.fold));
    return [
      plain,
      ...others,
      ...[0, 1, 2].map((before) => form("base64", core(value, before), BASE64)),
      form("hex", Buffer.from(value.toString("hex")), HEX),
    ];
  });
}

/** A value converted between UTF-8 and Latin-1, if the result differs and is long enough. */
function inLatin1(value: Buffer): Buffer[] {
  const text = value.toString("utf8");
  const latin1 = /^[\x00-\xff]*$/.test(text) ? [Buffer.from(text, "latin1")] : [];
  return [...latin1, Buffer.from(value.toString("latin1"), "utf8")].filter(
    (bytes) => !bytes.equals(value) && bytes.length >= MIN_ENCODED_BYTES,
  );
}

/** The base64 characters that a value determines if this many bytes precede it in its first group. */
function core(value: Buffer, before: number): Buffer {
  const encoded = Buffer.concat([Buffer.alloc(before), value, Buffer.alloc(2)]).toString("base64");
  return Buffer.from(encoded.slice(Math.ceil((before * 8) / 6), Math.floor(((before + value.length) * 8) / 6)));
}

function foldOf(from: string, to: string): Uint8Array {
  const fold = Uint8Array.from({ length: 256 }, (_, byte) => byte);
  for (let at = 0; at < from.length; at++) fold[from.charCodeAt(at)] = to.charCodeAt(at);
  return fold;
}
