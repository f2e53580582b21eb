/** One mount of this mount namespace (proc_pid_mountinfo(5)). */
export interface Mount {
  /** Where: without symlinks. */
  readonly path: string;
  /** The device of its files, `MAJOR:MINOR`. */
  readonly device: string;
  readonly fstype: string;
  /** What is mounted, as whoever mounted it named it. */
  readonly source: string;
}

/** Reads the kernel's list of mounts, the newest last. */
export function readMountTable(): Mount[] {
  return parseMountTable(Deno.readTextFileSync("/proc/self/mountinfo"));
}

/** @param text as `/proc/self/mountinfo` has it */
export function parseMountTable(text: string): Mount[] {
  return text.split("\n").filter((line) => line !== "").map((line) => {
    // 36 35 98:0 /root /path rw,noatime master:1 - ext3 /dev/root rw,errors=continue
    const [before = "", after = ""] = line.split(" - ");
    const [, , device = "", , path = ""] = before.split(" ");
    const [fstype = "", source = ""] = after.split(" ");
    return { path: unescape(path), device, fstype, source: unescape(source) };
  });
}

/** Space, tab, newline and backslash are written in octal. */
function unescape(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(parseInt(octal, 8)));
}
