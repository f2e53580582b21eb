import { runTool } from "./tool.ts";

/** What blkid says of a device that is not on it: its name, and how the partition table of its disk describes it. */
const NOT_CONTENTS = /^(?:DEVNAME|PART_ENTRY_[A-Z_]+)$/;

/** Exit statuses of `blkid -p` (blkid(8)). */
const NOTHING_FOUND = 2;
const AMBIVALENT = 8;

/**
 * Looks for everything that libblkid knows on a device: file systems, encryption, members of arrays and pools, swap, partition
 * tables.
 *
 * @returns what it is, for a person; undefined if there is nothing that is known
 * @throws {Error} if that cannot be told, also where blkid is busybox's, which knows little and says "nothing" to all else
 */
export async function signatureOn(device: string): Promise<string | undefined> {
  const version = await runTool("blkid", "-V");
  if (!`${version.stdout}${version.stderr}`.includes("libblkid")) {
    throw new Error(`Cannot look for signatures on "${device}": blkid is not that of util-linux`);
  }
  const { code, stdout, stderr } = await runTool("blkid", "-p", "-o", "export", device);
  if (code === NOTHING_FOUND && stdout === "" && stderr === "") return undefined;
  if (code === AMBIVALENT) return "signatures of several kinds";
  if (code !== 0) {
    throw new Error(`Cannot look for signatures on "${device}": blkid: ${stderr || code}`);
  }
  return describeSignature(stdout);
}

/**
 * @param text what `blkid -o export` puts out, `KEY=VALUE` lines
 * @returns undefined if nothing of it is about the contents of the device
 */
export function describeSignature(text: string): string | undefined {
  const pairs = text.split("\n").filter((line) => line !== "").map((line): [string, string] => {
    const [key = "", ...value] = line.split("=");
    return [key, value.join("=")];
  }).filter(([key]) => !NOT_CONTENTS.test(key));
  if (pairs.length === 0) return undefined;
  const { TYPE, PTTYPE } = Object.fromEntries(pairs);
  if (TYPE !== undefined) return TYPE;
  if (PTTYPE !== undefined) return `a partition table (${PTTYPE})`;
  return pairs.map(([key, value]) => `${key}=${value}`).join(" ");
}

/** What is on a device, for the error of somebody who expected an XFS there. */
export async function whatIsOn(device: string): Promise<string> {
  try {
    return await signatureOn(device) ?? "nothing that is known";
  } catch {
    // The error that this is for is worth more than why it cannot be embellished.
    return "something else";
  }
}
