import { errors as osErrors } from "../errors/os.ts";

/** An error in its form on the wire. Absent fields and null mean the same. */
export interface ErrorObject {
  constructorName: string;
  message: string;
  name?: string | null;
  code?: string | null;
  stack?: string | null;
  cause?: ErrorObject | null;
  errors?: ErrorObject[] | null;
  error?: ErrorObject | null;
  suppressed?: ErrorObject | null;
}

const BUILT_IN: Record<string, new (message: string) => Error> = {
  Error,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
};

function construct(object: ErrorObject): Error {
  const { constructorName, message } = object;
  switch (constructorName) {
    case "AggregateError":
      return new AggregateError((object.errors ?? []).map(toError), message);
    case "DOMException":
      return new DOMException(message, object.name ?? "Error");
    case "SuppressedError":
      if (typeof SuppressedError !== "undefined") {
        return new SuppressedError(
          object.error ? toError(object.error) : undefined,
          object.suppressed ? toError(object.suppressed) : undefined,
          message,
        );
      }
  }
  const Class = BUILT_IN[constructorName] ?? osErrors[constructorName as keyof typeof osErrors];
  if (Class) return new Class(message);
  const error = new Error(message);
  if (object.name) error.name = object.name;
  return error;
}

/** An error with the class it had in the sandbox. Classes that are unknown here become `Error`. */
export function toError(object: ErrorObject): Error {
  const error = construct(object);
  // A DOMException's code is a number with only a getter.
  if (object.code && !(error instanceof DOMException)) Object.assign(error, { code: object.code });
  if (object.cause) error.cause = toError(object.cause);
  if (object.stack) error.stack = object.stack;
  return error;
}

/** An error in the form in which the other end gets it. Other values are described by an `Error`. */
export function fromError(reason: unknown): ErrorObject {
  const error = reason instanceof Error ? reason : new Error(reason === undefined ? "Cancelled" : String(reason));
  const code = (error as { code?: unknown }).code;
  return {
    constructorName: error.constructor.name,
    message: error.message,
    name: error.name,
    code: typeof code === "string" ? code : null,
  };
}
