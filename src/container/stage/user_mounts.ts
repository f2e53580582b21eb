import { close } from "../../../ffi/descriptors.ts";
import { attachMount, cloneTree, makeReadOnly } from "../../../ffi/mount.ts";
import { descriptorPath, openPath, type RootDirectory } from "../../../ffi/root_directory.ts";
import type { MountSettings, TmpfsSettings } from "../../config/settings.ts";
import { bindSources } from "./bind_source.ts";
import { openDestination } from "./destination.ts";
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

/**
 * Everything is done to what was opened once, and nothing is looked up again: the destination may lie in a directory that
 * another container can write to, which then exchanges it for a symlink in the meantime (CVE-2021-30465).
 */
function bind(
  root: RootDirectory,
  { path, source, readOnly }: { path: string; source: string; readOnly: boolean },
): void {
  const open: number[] = [];
  const opened = (fd: number) => (open.push(fd), fd);
  try {
    const from = opened(openPath(source));
    const tree = opened(cloneTree(from, source));
    // Before it is anywhere: what is to be read-only never is anything else.
    if (readOnly) makeReadOnly(tree, path);
    const { isDirectory } = Deno.statSync(descriptorPath(from));
    const target = opened(openDestination(root, path, isDirectory ? "directory" : "file"));
    attachMount(tree, target, path);
  } finally {
    open.forEach(close);
  }
}

function byDepth<T>(items: readonly T[], pathOf: (item: T) => string): T[] {
  const depth = (item: T) => pathOf(item).split("/").length;
  return items.toSorted((a, b) => depth(a) - depth(b));
}
