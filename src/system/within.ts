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
  if (await settlesWithin(ms, promise)) return await promise;
  throw onTimeout();
}

/**
 * Waits for a promise, whether it is kept or not, for some time at most.
 *
 * Where this process was kept from running, a timer is due before what has come meanwhile is read. So the time is waited in two
 * parts: what was there before the first one's end is read before the second one's.
 *
 * @param ms milliseconds
 * @returns true if it is settled
 */
export async function settlesWithin(ms: number, promise: Promise<unknown>): Promise<boolean> {
  const settled = promise.then(() => true, () => true);
  for (let part = 0; part < 2; part++) {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<false>((resolve) => timer = setTimeout(() => resolve(false), ms / 2));
    const isSettled = await Promise.race([settled, late]);
    clearTimeout(timer);
    if (isSettled) return true;
  }
  return false;
}
