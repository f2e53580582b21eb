/**
 * Sets a parameter of the running kernel until it is disposed of.
 *
 * @param name as in /proc/sys, `net/ipv4/tcp_migrate_req`; a kernel without it is left alone
 */
export function kernelParameter(name: string, value: string): Disposable {
  const path = `/proc/sys/${name}`;
  let before: string;
  try {
    before = Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return { [Symbol.dispose]() {} };
    throw error;
  }
  Deno.writeTextFileSync(path, value);
  return { [Symbol.dispose]: () => Deno.writeTextFileSync(path, before) };
}
