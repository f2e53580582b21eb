/** The program that decides on every system call of a container. */
import { assemble, type Decision, encode, type Instruction } from "./bpf.ts";
import type { ArgumentRule } from "./profile.ts";
import numbers from "./syscall_numbers.json" with { type: "json" };
import { UNKNOWN_CALL, type Verdict, verdicts } from "./verdict.ts";

/** What the program returns (linux/seccomp.h). */
export const Action = {
  ALLOW: 0x7fff0000,
  /** The call fails; the low 16 bits are its errno. */
  ERRNO: 0x00050000,
  KILL_PROCESS: 0x80000000,
} as const;

/** `struct seccomp_data` */
export const DataOffset = { NUMBER: 0, ARCHITECTURE: 4, ARGUMENTS: 16 } as const;

/** A way to make system calls: how the kernel tells it from others (linux/audit.h), and the numbers of the calls. */
export interface Abi {
  readonly auditArchitecture: number;
  readonly numbers: Readonly<Record<string, number>>;
}

/**
 * The ways that are open on each kind of machine; a process that tries another is killed. So are 32-bit programs on aarch64.
 * Calls of x32 come as those of x86_64 with bit 30 of the number set, which makes them numbers that no call has.
 */
export const ABIS: Readonly<Record<typeof Deno.build.arch, readonly Abi[]>> = {
  x86_64: [
    { auditArchitecture: 0xc000003e, numbers: numbers.x86_64 },
    { auditArchitecture: 0x40000003, numbers: numbers.i386 },
  ],
  aarch64: [{ auditArchitecture: 0xc00000b7, numbers: numbers.aarch64 }],
};

const compiled = new Map<string, string>();

/**
 * Gives the filter for a container with these capabilities.
 *
 * @param capabilities names, `CAP_NET_BIND_SERVICE`
 * @returns the program for seccomp(2), in base64
 */
export function seccompFilter(capabilities: readonly string[]): string {
  // Compiling takes milliseconds, which a launch can do without. There are as many sets as the configuration has.
  const key = capabilities.toSorted().join(" ");
  let filter = compiled.get(key);
  if (filter === undefined) {
    filter = encode(filterProgram(capabilities, Deno.build.arch)).toBase64();
    compiled.set(key, filter);
  }
  return filter;
}

/**
 * Compiles the filter.
 *
 * @param capabilities names, `CAP_NET_BIND_SERVICE`
 * @param machine the kind of machine that it is for
 */
export function filterProgram(
  capabilities: readonly string[],
  machine: typeof Deno.build.arch,
): readonly Instruction[] {
  const verdictOn = verdicts(capabilities);
  const decision = ABIS[machine].reduceRight<Decision>(
    (others, { auditArchitecture, numbers }) => ({
      kind: "test",
      test: "equal",
      operand: auditArchitecture,
      yes: { kind: "load", offset: DataOffset.NUMBER, next: decisionOnNumber(numbers, verdictOn) },
      no: others,
    }),
    { kind: "return", value: Action.KILL_PROCESS },
  );
  return assemble({ kind: "load", offset: DataOffset.ARCHITECTURE, next: decision });
}

/** Numbers in a row with one verdict, up to the next range. */
interface Range {
  readonly first: number;
  readonly verdict: Verdict;
}

function decisionOnNumber(
  numbers: Abi["numbers"],
  verdictOn: (name: string) => Verdict,
): Decision {
  const byNumber = new Map(Object.entries(numbers).map(([name, number]) => [number, name]));
  const newest = Math.max(...byNumber.keys());
  const ranges: Range[] = [];
  // One beyond the newest: from there on no number has a call.
  for (let number = 0; number <= newest + 1; number++) {
    const name = byNumber.get(number);
    const verdict = name === undefined ? UNKNOWN_CALL : verdictOn(name);
    const last = ranges.at(-1);
    if (last === undefined || !isSame(last.verdict, verdict)) {
      ranges.push({ first: number, verdict });
    }
  }
  return search(ranges);
}

/** A binary search: some 8 steps where a list of all the calls would take some 300. */
function search(ranges: readonly Range[]): Decision {
  const [only] = ranges;
  if (ranges.length === 1) return decisionOf(only!.verdict);
  const middle = ranges.length >> 1;
  return {
    kind: "test",
    test: "atLeast",
    operand: ranges[middle]!.first,
    yes: search(ranges.slice(middle)),
    no: search(ranges.slice(0, middle)),
  };
}

function isSame(a: Verdict, b: Verdict): boolean {
  switch (a.kind) {
    case "allow":
      return b.kind === "allow";
    case "refuse":
      return b.kind === "refuse" && a.errno === b.errno;
    case "conditional":
      return b.kind === "conditional" && a.errno === b.errno && a.rule === b.rule;
  }
}

const allow: Decision = { kind: "return", value: Action.ALLOW };

function decisionOf(verdict: Verdict): Decision {
  if (verdict.kind === "allow") return allow;
  const refuse: Decision = { kind: "return", value: Action.ERRNO | verdict.errno };
  if (verdict.kind === "refuse") return refuse;
  const { rule } = verdict;
  return {
    kind: "load",
    // The low word of the argument, of the two that it has.
    offset: DataOffset.ARGUMENTS + 8 * rule.argument,
    next: decisionOnArgument(rule, refuse),
  };
}

function decisionOnArgument(rule: ArgumentRule, refuse: Decision): Decision {
  if ("withoutBits" in rule) {
    return { kind: "test", test: "anyBit", operand: rule.withoutBits, yes: refuse, no: allow };
  }
  const [values, yes, no] = "oneOf" in rule
    ? [rule.oneOf, allow, refuse]
    : [rule.noneOf, refuse, allow];
  return values.reduceRight<Decision>(
    (others, operand) => ({ kind: "test", test: "equal", operand, yes, no: others }),
    no,
  );
}
