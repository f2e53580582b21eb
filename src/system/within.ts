/**
 * Waits for a promise, but not for ever. What it stands for goes on.
 *
 * @param ms milliseconds
 * @throws {Error} the one that `onTimeout` makes, if it takes longer
 */
export async function within<T>(
  ms: number,
  promise: Promise<T>,
  onTimeout: () => Error,
): Promise<T> {
  const { promise: timeout, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(onTimeout()), ms);
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
