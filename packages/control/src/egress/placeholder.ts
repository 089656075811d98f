import { newPlaceholder, PlaceholderError, PlaceholderForm } from "@sandkeep/egress";
import { ApiError } from "@sandkeep/protocol";

type Code = "INVALID_CONFIG" | "INVALID_REQUEST";

/**
 * The placeholder for a new secret in the sandbox.
 *
 * @param form The requested form, if any.
 * @param where The option's name, for the message.
 * @throws {ApiError} with this code and what is wrong with the form.
 */
export function placeholderFor(value: string, form: string | undefined, where: string, code: Code): string {
  return form === undefined ? newPlaceholder() : withForm(form, where, code, (parsed) => parsed.make(value));
}

/** Another placeholder for a secret of a sandbox that is forked. Its form was checked against the value before. */
export function anotherPlaceholder(form: string | undefined): string {
  return form === undefined ? newPlaceholder() : PlaceholderForm.parse(form).another();
}

/** Whether an existing placeholder has the requested form. @throws {ApiError} as {@link placeholderFor} */
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
