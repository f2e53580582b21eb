/**
 * An error and its causes, one line each, the outermost first.
 *
 * @param error whatever was thrown
 */
export function errorChain(error: unknown): string[] {
  return chainOf(error, new Set());
}

/** @param seen ends the chain of a cause that names itself as its cause */
function chainOf(error: unknown, seen: Set<unknown>): string[] {
  const lines: string[] = [];
  for (
    let e = error;
    e !== undefined && e !== null && !seen.has(e);
    e = e instanceof Error ? e.cause : undefined
  ) {
    seen.add(e);
    lines.push(messageOf(e));
    if (e instanceof AggregateError) {
      lines.push(...e.errors.flatMap((one) => chainOf(one, seen)));
    }
  }
  return lines;
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // A bug of ours says too little by its message alone: "x is undefined".
  const kind = error instanceof TypeError || error instanceof ReferenceError
    ? `${error.name}: `
    : "";
  return `${kind}${error.message}`.trim() || error.name;
}
