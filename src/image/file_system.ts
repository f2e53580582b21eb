import type { ByteString } from "../../ffi/byte_string.ts";
import { close, writeFully } from "../../ffi/descriptors.ts";
import * as metadata from "../../ffi/file_metadata.ts";
import * as files from "../../ffi/files.ts";
import * as xattr from "../../ffi/xattr.ts";

/**
 * What unpacking needs of the kernel. Everything is named by an open directory and one path component, and no
 * symlink is ever followed, so that it cannot reach anything that it was not given. What takes a descriptor
 * and what takes a name are the same otherwise.
 *
 * Calls throw `SyscallError`, except where their result says that something is missing or already there.
 */
export interface FileSystem {
  /** Opens a directory by its path. */
  openRoot(path: string): number;
  /** Undefined if there is no directory of this name; a symlink is none. */
  openDirectory(parent: number, name: ByteString): number | undefined;
  close(fd: number): void;
  list(directory: number): ByteString[];

  /** Undefined if there is something of this name. */
  createFile(parent: number, name: ByteString, mode: number): number | undefined;
  write(fd: number, bytes: Uint8Array): void;
  /** Where the next write goes. */
  seek(fd: number, offset: number): void;
  setSize(fd: number, size: number): void;

  /** These return false if there is something of this name. */
  makeDirectory(parent: number, name: ByteString, mode: number): boolean;
  makeSymlink(target: ByteString, parent: number, name: ByteString): boolean;
  makeNode(
    parent: number,
    name: ByteString,
    node: files.DeviceNumber & { readonly type: files.NodeType; readonly mode: number },
  ): boolean;
  makeHardLink(
    fromParent: number,
    from: ByteString,
    parent: number,
    name: ByteString,
  ): boolean;

  rename(fromParent: number, from: ByteString, parent: number, name: ByteString): void;
  removeFile(parent: number, name: ByteString): void;
  removeDirectory(parent: number, name: ByteString): void;

  readLink(parent: number, name: ByteString): ByteString;
  /** Undefined if there is nothing of this name. */
  statusAt(parent: number, name: ByteString): metadata.FileStatus | undefined;
  statusOf(fd: number): metadata.FileStatus;

  setOwner(fd: number, uid: number, gid: number): void;
  setOwnerAt(parent: number, name: ByteString, uid: number, gid: number): void;
  setMode(fd: number, mode: number): void;
  setModeAt(parent: number, name: ByteString, mode: number): void;
  setTime(fd: number, time: metadata.FileTime): void;
  setTimeAt(parent: number, name: ByteString, time: metadata.FileTime): void;

  listAttributes(fd: number): ByteString[];
  getAttribute(fd: number, attribute: ByteString): ByteString | undefined;
  setAttribute(fd: number, attribute: ByteString, value: ByteString): void;
  setAttributeAt(
    parent: number,
    name: ByteString,
    attribute: ByteString,
    value: ByteString,
  ): void;

  /** Makes the modes above exact, for the whole process. */
  clearUmask(): void;
}

/** The real one. */
export const kernelFileSystem: FileSystem = {
  ...files,
  ...metadata,
  ...xattr,
  close,
  openRoot: files.openDirectoryAt,
  list: files.listDirectory,
  write: writeFully,
};
