/** Reads system call numbers out of the kernel's headers, without a C compiler. */

/**
 * Reads the `__NR_` definitions of a header.
 *
 * @param text asm/unistd_64.h, asm/unistd_32.h, or asm-generic/unistd.h, which depends on macros
 * @param defined the macros that the architecture defines before it includes the header; `__BITS_PER_LONG` is 64
 * @returns numbers by name
 * @throws {SyntaxError} if there is a condition that this does not understand
 */
export function numbersIn(
  text: string,
  defined: ReadonlySet<string> = new Set(),
): Map<string, number> {
  const macros = new Map<string, string>();
  // One entry for each #if that is open: whether its present branch counts.
  const branches: boolean[] = [];
  for (const line of text.split("\n")) {
    const [, directive, rest = ""] = /^#\s*(\w+)\s*(.*?)\s*(?:\/\*.*)?$/.exec(line) ?? [];
    const isDefined = (name: string) => defined.has(name) || macros.has(name);
    if (directive === "if") branches.push(isTrue(rest, isDefined));
    else if (directive === "ifdef") branches.push(isDefined(rest));
    else if (directive === "ifndef") branches.push(!isDefined(rest));
    else if (directive === "else") branches.push(!branches.pop());
    else if (directive === "endif") branches.pop();
    else if (directive === "define" && branches.every(Boolean)) {
      const [, name, value] = /^(__NR\w+)\s+(\w+)$/.exec(rest) ?? [];
      if (name !== undefined && value !== undefined) macros.set(name, value);
    }
  }
  const numbers = new Map<string, number>();
  for (const [macro, value] of macros) {
    if (!macro.startsWith("__NR_") || MARKERS.has(macro)) continue;
    numbers.set(macro.slice("__NR_".length), Number(macros.get(value) ?? value));
  }
  return numbers;
}

/** Ends of ranges, not calls. */
const MARKERS = new Set(["__NR_syscalls", "__NR_arch_specific_syscall"]);

function isTrue(condition: string, isDefined: (name: string) => boolean): boolean {
  const holds = (term: string): boolean => {
    const [, not, name] = /^(!?)\s*defined\s*\(\s*(\w+)\s*\)$/.exec(term) ?? [];
    if (name !== undefined) return isDefined(name) !== (not === "!");
    const [, operator, bits] = /^__BITS_PER_LONG\s*(==|!=)\s*(\d+)$/.exec(term) ?? [];
    if (bits !== undefined) return (bits === "64") === (operator === "==");
    throw new SyntaxError(`Cannot tell whether "${term}" holds`);
  };
  return condition.split("||").some((all) => all.split("&&").every((term) => holds(term.trim())));
}
