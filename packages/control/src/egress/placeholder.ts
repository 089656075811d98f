import { newPlaceholder, PlaceholderError, PlaceholderForm } from "@sandkeep/egress";
import { ApiError } from "@sandkeep/protocol";

type Code = "INVALID_CONFIG" | "INVALID_REQUEST";

/**
 * What is to stand for a new secret in the sandbox.
 *
 * @param form Its form, if one is asked for.
 * @param where Names the option, for the message.
 * @throws {ApiError} with this code, saying what is wrong with the form.
 */
export function placeholderFor(value: string, form: string | undefined, where: string, code: Code): string {
  return form === undefined ? newPlaceholder() : withForm(form, where, code, (parsed) => parsed.make(value));
}

/** Whether a placeholder that is there has the form that is asked for. @throws {ApiError} as {@link placeholderFor} */
export function hasForm(placeholder: string, form: string, where: string, code: Code): boolean {
  return withForm(form, where, code, (parsed) => parsed.matches(placeholder));
}

function withForm<Result>(form: string, where: string, code: Code, use: (parsed: PlaceholderForm) => Result): Result {
  try {
    return use(PlaceholderForm.parse(form));
  } catch (error) {
    if (error instanceof PlaceholderError) throw new ApiError(code, `${where}: ${error.message}.`);
    throw error;
  }
}
