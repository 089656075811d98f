import { MIN_ENCODED_BYTES } from "../limits.ts";

/** One way in which a needle can be written. */
export interface Form {
  /** Which needle, by its place in the list. */
  needle: number;
  kind: "plain" | "base64" | "hex";
  /** Folded. */
  bytes: Uint8Array;
  /** By byte: the one that stands for all that count as the same, such as `a` for `A` in hexadecimal. */
  fold: Uint8Array;
  /** Whether any of its characters may be written as an escape. */
  escapable: boolean;
}

/** Forms have folds in common, so that tables can be made for each once. */
const SAME = foldOf("", "");
/** In forms and queries a space is written as a plus sign. */
const PLUS = foldOf("+", " ");
/** RFC 4648: section 5's alphabet as section 4's. */
const BASE64 = foldOf("-_", "+/");
const HEX = foldOf("ABCDEF", "abcdef");

/**
 * The forms of a list of needles: as it is; in Latin-1, and as what comes of its UTF-8 when it is taken for Latin-1 (as
 * programs do that repeat a header in a body of UTF-8); in hexadecimal; and in base64 of either alphabet, one for each place that it can
 * have within groups of three bytes. Of base64 a form is what the needle alone determines: up to four bits of its first
 * and its last byte, which share a character with what stands around, are not in it.
 *
 * A needle shorter than {@link MIN_ENCODED_BYTES} has only the first form, and without escapes; an empty one has none.
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

/** What comes of a value between UTF-8 and Latin-1, when that is something else and not too short. */
function inLatin1(value: Buffer): Buffer[] {
  const text = value.toString("utf8");
  const latin1 = /^[\x00-\xff]*$/.test(text) ? [Buffer.from(text, "latin1")] : [];
  return [...latin1, Buffer.from(value.toString("latin1"), "utf8")].filter(
    (bytes) => !bytes.equals(value) && bytes.length >= MIN_ENCODED_BYTES,
  );
}

/** The characters of base64 that a value determines when so many bytes stand before it in its first group. */
function core(value: Buffer, before: number): Buffer {
  const encoded = Buffer.concat([Buffer.alloc(before), value, Buffer.alloc(2)]).toString("base64");
  return Buffer.from(encoded.slice(Math.ceil((before * 8) / 6), Math.floor(((before + value.length) * 8) / 6)));
}

function foldOf(from: string, to: string): Uint8Array {
  const fold = Uint8Array.from({ length: 256 }, (_, byte) => byte);
  for (let at = 0; at < from.length; at++) fold[from.charCodeAt(at)] = to.charCodeAt(at);
  return fold;
}
