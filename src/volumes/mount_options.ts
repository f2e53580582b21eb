import { MountFlag } from "../../ffi/mount.ts";

/** Mount options in the form in which mount(2) takes them. */
export interface MountOptions {
  /** {@linkcode MountFlag} values, or-ed. */
  readonly flags: number;
  /** What is left for the file system, separated by commas. */
  readonly data: string;
}

/** What an option does to the flags: first what it clears, then what it sets. */
type Effect = readonly [clears: number, sets: number];

const { RDONLY, NOSUID, NODEV, NOEXEC, SYNCHRONOUS, MANDLOCK, DIRSYNC, NOSYMFOLLOW } = MountFlag;
const { NOATIME, NODIRATIME, RELATIME, STRICTATIME, LAZYTIME } = MountFlag;
const ATIME = NOATIME | RELATIME | STRICTATIME;

/** Options that every file system has: mount(8), "FILESYSTEM-INDEPENDENT MOUNT OPTIONS". */
const GENERIC: ReadonlyMap<string, Effect> = new Map<string, Effect>([
  ["ro", [0, RDONLY]],
  ["rw", [RDONLY, 0]],
  ["nosuid", [0, NOSUID]],
  ["suid", [NOSUID, 0]],
  ["nodev", [0, NODEV]],
  ["dev", [NODEV, 0]],
  ["noexec", [0, NOEXEC]],
  ["exec", [NOEXEC, 0]],
  ["sync", [0, SYNCHRONOUS]],
  ["async", [SYNCHRONOUS, 0]],
  ["dirsync", [0, DIRSYNC]],
  ["mand", [0, MANDLOCK]],
  ["nomand", [MANDLOCK, 0]],
  ["nosymfollow", [0, NOSYMFOLLOW]],
  ["symfollow", [NOSYMFOLLOW, 0]],
  ["atime", [NOATIME, 0]],
  ["noatime", [ATIME, NOATIME]],
  ["relatime", [ATIME, RELATIME]],
  ["norelatime", [RELATIME, 0]],
  ["strictatime", [ATIME, STRICTATIME]],
  ["nostrictatime", [STRICTATIME, 0]],
  ["diratime", [NODIRATIME, 0]],
  ["nodiratime", [0, NODIRATIME]],
  ["lazytime", [0, LAZYTIME]],
  ["nolazytime", [LAZYTIME, 0]],
  // "rw,suid,dev,exec,auto,nouser,async": what is so anyway.
  ["defaults", [RDONLY | NOSUID | NODEV | NOEXEC | SYNCHRONOUS, 0]],
]);

/** What fstab(5) says to other programs than the kernel: it comes along where a line is copied from there. */
const NOT_FOR_THE_KERNEL = /^(?:_netdev|nofail|auto|x-.*|comment=.*)$/;

/**
 * Tells options that every file system has from those of one. As for mount(8), the last of two that contradict each other
 * counts; what nobody knows is left to the file system, which refuses it.
 *
 * @param text options separated by commas; a comma in double quotes, as SELinux has it, separates nothing
 */
export function parseMountOptions(text: string): MountOptions {
  let flags = 0;
  const data: string[] = [];
  for (const option of text.match(/(?:"[^"]*"|[^,])+/g) ?? []) {
    const effect = GENERIC.get(option);
    if (effect !== undefined) flags = flags & ~effect[0] | effect[1];
    else if (!NOT_FOR_THE_KERNEL.test(option)) data.push(option);
  }
  return { flags, data: data.join(",") };
}

/**
 * The flags of a remount after which these options hold, whatever held before: without a word on access times the kernel would
 * leave those as they are (mount(2), MS_REMOUNT).
 */
export function remountFlags({ flags }: MountOptions): number {
  const mentionsTimes = (flags & (ATIME | NODIRATIME)) !== 0;
  return flags | MountFlag.REMOUNT | (mentionsTimes ? 0 : RELATIME);
}

/** True if nothing can be written to what is mounted with these options. */
export function isReadOnly({ flags }: MountOptions): boolean {
  return (flags & RDONLY) !== 0;
}
