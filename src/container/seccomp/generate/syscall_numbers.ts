/**
 * Generates `syscall_numbers.json` from the kernel's headers (Debian package linux-libc-dev): `deno task generate:syscalls`.
 * A system test makes sure that it was run.
 *
 * Nothing of this folder is part of the program.
 */
import { numbersIn } from "./header.ts";

const OUTPUT = new URL("../syscall_numbers.json", import.meta.url);

/** Calling conventions for system calls: their names here, and where their numbers are. */
const HEADERS = {
  x86_64: "/usr/include/x86_64-linux-gnu/asm/unistd_64.h",
  i386: "/usr/include/x86_64-linux-gnu/asm/unistd_32.h",
  aarch64: "/usr/include/asm-generic/unistd.h",
} as const;

type Abi = keyof typeof HEADERS;

/** What arch/arm64/include/uapi/asm/unistd.h defines before it includes the generic header. */
const ARM64_MACROS = new Set([
  "__ARCH_WANT_RENAMEAT",
  "__ARCH_WANT_NEW_STAT",
  "__ARCH_WANT_SET_GET_RLIMIT",
  "__ARCH_WANT_TIME32_SYSCALLS",
  "__ARCH_WANT_SYS_CLONE3",
  "__ARCH_WANT_MEMFD_SECRET",
]);

/**
 * The newest call that `profile.ts` has decided on. Numbers above it are left out, whatever the headers know: a call that
 * nobody has decided on must look as if the kernel did not have it.
 */
const NEWEST = 466;

/** Calls that are newer than the headers of Debian 12 (Linux 6.1). Since 424, numbers are the same everywhere. */
const NEWER = {
  cachestat: 451,
  fchmodat2: 452,
  map_shadow_stack: 453,
  futex_wake: 454,
  futex_wait: 455,
  futex_requeue: 456,
  statmount: 457,
  listmount: 458,
  lsm_get_self_attr: 459,
  lsm_set_self_attr: 460,
  lsm_list_modules: 461,
  mseal: 462,
  setxattrat: 463,
  getxattrat: 464,
  listxattrat: 465,
  removexattrat: 466,
};

/** As {@linkcode NEWER}, but with a number in the old range of one architecture. */
const NEWER_OF: Partial<Record<Abi, Record<string, number>>> = { x86_64: { uretprobe: 335 } };

/** Calls that were given a number in an old range after {@linkcode NEWEST}; they come only from code that the kernel makes. */
const LATER = new Set(["uprobe"]);

/** The text of the generated file. */
export async function generate(): Promise<string> {
  const tables: Partial<Record<Abi, Record<string, number>>> = {};
  for (const abi of Object.keys(HEADERS) as Abi[]) {
    const text = await Deno.readTextFile(HEADERS[abi]);
    const numbers = new Map([
      ...Object.entries({ ...NEWER, ...NEWER_OF[abi] }),
      // The headers win where they know a call: should a number above be wrong, the test sees it.
      ...numbersIn(text, abi === "aarch64" ? ARM64_MACROS : undefined),
    ]);
    tables[abi] = Object.fromEntries(
      [...numbers]
        .filter(([name, number]) => number <= NEWEST && !LATER.has(name))
        .sort(([, a], [, b]) => a - b),
    );
  }
  return `${JSON.stringify(tables, null, 2)}\n`;
}

if (import.meta.main) await Deno.writeTextFile(OUTPUT, await generate());
