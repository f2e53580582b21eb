/** The command line makes no sense. The message says what would: `main.ts` prints it and exits with status 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
