/** Whether a path or specifier is of code for tests: tests, and what stands in folders named `testing`. */
export function isTestCode(path: string): boolean {
  return /\.test\.ts$|(?:^|\/)testing(?:\/|\.ts$|$)/.test(path);
}

/** Whether a file is of the product: of a package, and not for tests. */
export function isProduct(file: string): boolean {
  return file.startsWith("packages/") && !isTestCode(file);
}
