/**
 * Makes `Math.random()` give the same number until it is disposed of: 0.5 is no jitter at all, 0 the least.
 */
export function fixedRandom(value: number): Disposable {
  const real = Math.random;
  Math.random = () => value;
  return { [Symbol.dispose]: () => void (Math.random = real) };
}
