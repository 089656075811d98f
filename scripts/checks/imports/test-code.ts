/** Whether a path or specifier is test code: tests, and files in folders named `testing`. */
export function isTestCode(path: string): boolean {
  return /\.test\.ts$|(?:^|\/)testing(?:\/|\.ts$|$)/.test(path);
}

/** Whether a file is part of the product: in a package, and not test code. */
export function isProduct(file: string): boolean {
  return file.startsWith("packages/") && !isTestCode(file);
}
