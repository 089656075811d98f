import { errors as osErrors } from "../errors/os.ts";

/** An error as it crosses the wire. Fields that are absent or null say nothing. */
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

/** Gives an error of the class it had in the sandbox. One of a class that is unknown here becomes an `Error`. */
export function toError(object: ErrorObject): Error {
  const error = construct(object);
  // A DOMException's code is a number of its own, behind a getter.
  if (object.code && !(error instanceof DOMException)) Object.assign(error, { code: object.code });
  if (object.cause) error.cause = toError(object.cause);
  if (object.stack) error.stack = object.stack;
  return error;
}

/** What the other end is told about an error. Anything that is not an `Error` is described by one. */
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
