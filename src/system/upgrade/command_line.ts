import { type Digest, isDigest } from "../../registry/digest.ts";

/** The word that tells a system which image it was started from. As a variable it is in init's environment. */
const STARTED_FROM = "FL_KERNEL_DIGEST";

/** Without such a word a kernel that panics before its init has begun would stand still for ever. */
const COMES_BACK = "panic=10";

/** Words that boot loaders add for themselves, and the one that is added here. */
const OF_THIS_BOOT = ["BOOT_IMAGE", "initrd", STARTED_FROM];

/**
 * The next kernel's command line: what somebody wants it to be, or else the running one; that it restarts the machine if it
 * panics, unless that says something about it; and the digest of the image that it is started from, so that it is not taken for
 * something new there.
 *
 * @param configured undefined: the running one stays
 * @param running `/proc/cmdline`
 */
export function nextCommandLine(
  { configured, running, digest }: {
    readonly configured: string | undefined;
    readonly running: string;
    readonly digest: Digest;
  },
): string {
  const words = wordsOf(configured ?? running)
    .filter((word) => !OF_THIS_BOOT.some((name) => word.startsWith(`${name}=`)));
  // What follows "--" are the init's arguments.
  const end = words.indexOf("--");
  const forKernel = end < 0 ? words : words.slice(0, end);
  if (!forKernel.some((word) => word.startsWith("panic="))) forKernel.push(COMES_BACK);
  forKernel.push(`${STARTED_FROM}=${digest}`);
  return [...forKernel, ...end < 0 ? [] : words.slice(end)].join(" ");
}

/** The digest of the image that this system was started from; undefined if that was not by an upgrade. */
export function startedFrom(
  environment: Readonly<Record<string, string | undefined>>,
): Digest | undefined {
  const value = environment[STARTED_FROM];
  return isDigest(value) ? value : undefined;
}

/** Words are separated by white space that is not in quotation marks (the kernel's `next_arg` in lib/cmdline.c). */
function wordsOf(text: string): string[] {
  return text.match(/(?:"[^"]*"?|[^\s"])+/g) ?? [];
}
