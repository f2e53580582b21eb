import { close } from "../../../ffi/descriptors.ts";
import { makeReadOnly, mount, MountFlag } from "../../../ffi/mount.ts";
import { descriptorPath, openPath, type RootDirectory } from "../../../ffi/root_directory.ts";
import type { MountSettings, TmpfsSettings } from "../../config/settings.ts";
import { bindSources } from "./bind_source.ts";
import { mountTmpfs } from "./temporary_file_systems.ts";

/** What the settings want mounted. */
export interface UserMounts {
  readonly mounts: readonly MountSettings[];
  readonly tmpfs: readonly TmpfsSettings[];
}

/**
 * The file systems in memory that come before everything else, so that files can be put into them: all but those below a
 * bind mount, which would cover them, and below `/dev`, which does not exist yet.
 */
export function earlyTmpfs({ mounts, tmpfs }: UserMounts): TmpfsSettings[] {
  const covers = ["/dev", ...mounts.map(({ inside }) => inside)];
  return byDepth(
    tmpfs.filter(({ path }) => !covers.some((cover) => `${path}/`.startsWith(`${cover}/`))),
    ({ path }) => path,
  );
}

/**
 * Mounts what {@linkcode earlyTmpfs} left: parents before what lies below them, whatever the order in the configuration.
 *
 * @throws {Error} that names both sides of the mount that cannot be made
 */
export function mountUserMounts(root: RootDirectory, { mounts, tmpfs }: UserMounts): void {
  const early = earlyTmpfs({ mounts, tmpfs });
  const late = tmpfs.filter((one) => !early.includes(one));
  const actions = [
    ...mounts.map((one) => ({ path: one.inside, run: () => bindMount(root, one) })),
    ...late.map((one) => ({ path: one.path, run: () => mountTmpfs(root, one) })),
  ];
  for (const { run } of byDepth(actions, ({ path }) => path)) run();
}

function bindMount(root: RootDirectory, setting: MountSettings): void {
  const { inside, outside, readOnly } = setting;
  try {
    for (const { path, source } of bindSources(setting)) bind(root, { path, source, readOnly });
  } catch (error) {
    throw new Error(`Cannot mount "${outside}" of the machine on "${inside}" of the container`, {
      cause: error,
    });
  }
}

function bind(
  root: RootDirectory,
  { path, source, readOnly }: { path: string; source: string; readOnly: boolean },
): void {
  const from = openPath(source);
  try {
    // Of the descriptor: what the name leads to may be something else by now.
    const { isDirectory } = Deno.statSync(descriptorPath(from));
    const target = root.openOrMake(path, isDirectory ? "directory" : "file");
    try {
      mount({
        source: descriptorPath(from),
        target: descriptorPath(target),
        flags: MountFlag.BIND | MountFlag.REC,
        describe: path,
      });
    } finally {
      close(target);
    }
    if (!readOnly) return;
    // The descriptor above is of what lies below the new mount.
    const mounted = root.open(path);
    try {
      makeReadOnly(mounted, path);
    } finally {
      close(mounted);
    }
  } finally {
    close(from);
  }
}

function byDepth<T>(items: readonly T[], pathOf: (item: T) => string): T[] {
  const depth = (item: T) => pathOf(item).split("/").length;
  return items.toSorted((a, b) => depth(a) - depth(b));
}
