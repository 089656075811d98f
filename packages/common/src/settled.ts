/**
 * As `Promise.all`, but waits for all also if one fails, so that nothing goes on while the rest is removed.
 *
 * @throws the first task's error, in their order
 */
export async function settled<Tasks extends readonly unknown[] | []>(
  tasks: Tasks,
): Promise<{ -readonly [Key in keyof Tasks]: Awaited<Tasks[Key]> }> {
  for (const outcome of await Promise.allSettled(tasks)) if (outcome.status === "rejected") throw outcome.reason;
  return await Promise.all(tasks);
}
