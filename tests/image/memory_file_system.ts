import type { ByteString } from "../../ffi/byte_string.ts";
import { byteStringOf } from "../../ffi/byte_string_of.ts";
import { Errno, type ErrnoName, SyscallError } from "../../ffi/errno.ts";
import type { FileStatus, FileTime, FileType } from "../../ffi/file_metadata.ts";
import type { FileSystem } from "../../src/image/file_system.ts";

/** A file of any type. */
export class MemoryFile {
  readonly children = new Map<ByteString, MemoryFile>();
  readonly attributes = new Map<ByteString, ByteString>();
  contents = "";
  target = "";
  uid = 0;
  gid = 0;
  device = { major: 0, minor: 0 };
  mtime: FileTime = { seconds: -1, nanoseconds: 0 };

  constructor(readonly type: FileType, public mode: number) {}
}

/**
 * A file system in memory that behaves as Linux does where unpacking can notice: set-id bits and
 * `security.capability` go away with chown, a directory's time changes with what is in it, a hard link is
 * another name for the same file. Descriptors are numbers; a closed one is an error, and {@linkcode
 * openDescriptors} tells of those that were forgotten.
 */
export class MemoryFileSystem implements FileSystem {
  readonly directories = new Map<string, MemoryFile>();
  readonly #open = new Map<number, { file: MemoryFile; offset: number }>();
  #lastDescriptor = 2;
  /** The most descriptors that were open at a time. */
  peakDescriptors = 0;
  /** Bytes that all files together may have; writing more is ENOSPC. */
  space = Infinity;

  /** How many descriptors are open. */
  get openDescriptors(): number {
    return this.#open.size;
  }

  /** A directory that {@linkcode openRoot} opens; it is made if it is not there. */
  directory(path: string): MemoryFile {
    const known = this.directories.get(path);
    if (known !== undefined) return known;
    const directory = new MemoryFile("directory", 0o700);
    this.directories.set(path, directory);
    return directory;
  }

  openRoot(path: string): number {
    return this.#descriptor(this.directory(path));
  }

  openDirectory(parent: number, name: ByteString): number | undefined {
    const file = this.#look(parent, name);
    return file?.type === "directory" ? this.#descriptor(file) : undefined;
  }

  close(fd: number): void {
    this.#file(fd);
    this.#open.delete(fd);
  }

  list(directory: number): ByteString[] {
    return [...this.#file(directory).children.keys()];
  }

  createFile(parent: number, name: ByteString, mode: number): number | undefined {
    const file = new MemoryFile("file", mode);
    return this.#add(parent, name, file) ? this.#descriptor(file) : undefined;
  }

  write(fd: number, bytes: Uint8Array): void {
    const open = this.#open.get(fd)!;
    this.space -= bytes.length;
    if (this.space < 0) throw error("write", "ENOSPC");
    const { contents } = open.file;
    open.file.contents = contents.slice(0, open.offset).padEnd(open.offset, "\0") +
      byteStringOf(bytes) + contents.slice(open.offset + bytes.length);
    open.offset += bytes.length;
    open.file.attributes.delete("security.capability");
    open.file.mode &= ~0o6000;
  }

  seek(fd: number, offset: number): void {
    this.#open.get(fd)!.offset = offset;
  }

  setSize(fd: number, size: number): void {
    const file = this.#file(fd);
    file.contents = file.contents.slice(0, size).padEnd(size, "\0");
  }

  makeDirectory(parent: number, name: ByteString, mode: number): boolean {
    return this.#add(parent, name, new MemoryFile("directory", mode));
  }

  makeSymlink(target: ByteString, parent: number, name: ByteString): boolean {
    const file = new MemoryFile("symlink", 0o777);
    file.target = target;
    return this.#add(parent, name, file);
  }

  makeNode(parent: number, name: ByteString, node: Parameters<FileSystem["makeNode"]>[2]): boolean {
    const file = new MemoryFile(node.type, node.mode);
    file.device = { major: node.major, minor: node.minor };
    return this.#add(parent, name, file);
  }

  makeHardLink(fromParent: number, from: ByteString, parent: number, name: ByteString): boolean {
    const file = this.#need(fromParent, from);
    if (file.type === "directory") throw error("linkat", "EPERM");
    return this.#add(parent, name, file);
  }

  rename(fromParent: number, from: ByteString, parent: number, name: ByteString): void {
    const file = this.#need(fromParent, from);
    const there = this.#look(parent, name);
    if (there?.type === "directory") throw error("renameat", "EISDIR");
    if (there !== undefined && file.type === "directory") throw error("renameat", "ENOTDIR");
    this.#remove(fromParent, from);
    if (there !== undefined) this.#remove(parent, name);
    this.#add(parent, name, file);
  }

  removeFile(parent: number, name: ByteString): void {
    const file = this.#need(parent, name);
    if (file.type === "directory") throw error("unlinkat", "EISDIR");
    this.#remove(parent, name);
  }

  removeDirectory(parent: number, name: ByteString): void {
    const file = this.#need(parent, name);
    if (file.type !== "directory") throw error("unlinkat", "ENOTDIR");
    if (file.children.size > 0) throw error("unlinkat", "ENOTEMPTY");
    this.#remove(parent, name);
  }

  readLink(parent: number, name: ByteString): ByteString {
    const file = this.#need(parent, name);
    if (file.type !== "symlink") throw error("readlinkat", "EINVAL");
    return file.target;
  }

  statusAt(parent: number, name: ByteString): FileStatus | undefined {
    const file = this.#look(parent, name);
    return file && status(file);
  }

  statusOf(fd: number): FileStatus {
    return status(this.#file(fd));
  }

  setOwner(fd: number, uid: number, gid: number): void {
    chown(this.#file(fd), uid, gid);
  }

  setOwnerAt(parent: number, name: ByteString, uid: number, gid: number): void {
    chown(this.#need(parent, name), uid, gid);
  }

  setMode(fd: number, mode: number): void {
    this.#file(fd).mode = mode;
  }

  setModeAt(parent: number, name: ByteString, mode: number): void {
    const file = this.#need(parent, name);
    if (file.type === "symlink") throw error("fchmodat", "EOPNOTSUPP");
    file.mode = mode;
  }

  setTime(fd: number, time: FileTime): void {
    this.#file(fd).mtime = time;
  }

  setTimeAt(parent: number, name: ByteString, time: FileTime): void {
    this.#need(parent, name).mtime = time;
  }

  listAttributes(fd: number): ByteString[] {
    return [...this.#file(fd).attributes.keys()];
  }

  getAttribute(fd: number, attribute: ByteString): ByteString | undefined {
    return this.#file(fd).attributes.get(attribute);
  }

  setAttribute(fd: number, attribute: ByteString, value: ByteString): void {
    setAttribute(this.#file(fd), attribute, value);
  }

  setAttributeAt(
    parent: number,
    name: ByteString,
    attribute: ByteString,
    value: ByteString,
  ): void {
    setAttribute(this.#need(parent, name), attribute, value);
  }

  clearUmask(): void {}

  #descriptor(file: MemoryFile): number {
    this.#open.set(++this.#lastDescriptor, { file, offset: 0 });
    this.peakDescriptors = Math.max(this.peakDescriptors, this.#open.size);
    return this.#lastDescriptor;
  }

  #file(fd: number): MemoryFile {
    const open = this.#open.get(fd);
    if (open === undefined) throw error("fstat", "EBADF");
    return open.file;
  }

  #look(parent: number, name: ByteString): MemoryFile | undefined {
    if (name === "" || name === "." || name === ".." || name.includes("/")) {
      throw new Error(`not a name in a directory: ${JSON.stringify(name)}`);
    }
    if (name.length > 255) throw error("openat", "ENAMETOOLONG");
    const directory = this.#file(parent);
    if (directory.type !== "directory") throw error("openat", "ENOTDIR");
    return directory.children.get(name);
  }

  #need(parent: number, name: ByteString): MemoryFile {
    const file = this.#look(parent, name);
    if (file === undefined) throw error("openat", "ENOENT");
    return file;
  }

  #add(parent: number, name: ByteString, file: MemoryFile): boolean {
    if (this.#look(parent, name) !== undefined) return false;
    const directory = this.#file(parent);
    if ((directory.mode & 0o2000) !== 0) file.gid = directory.gid;
    directory.children.set(name, file);
    directory.mtime = { seconds: -1, nanoseconds: 0 };
    return true;
  }

  #remove(parent: number, name: ByteString): void {
    const directory = this.#file(parent);
    directory.children.delete(name);
    directory.mtime = { seconds: -1, nanoseconds: 0 };
  }
}

function status(file: MemoryFile): FileStatus {
  const { type, mode, uid, gid, mtime, device } = file;
  return { type, mode, uid, gid, size: file.contents.length, mtime, device };
}

function chown(file: MemoryFile, uid: number, gid: number): void {
  [file.uid, file.gid] = [uid, gid];
  if (file.type !== "directory") file.mode &= ~0o6000;
  file.attributes.delete("security.capability");
}

function setAttribute(file: MemoryFile, name: ByteString, value: ByteString): void {
  const hasUserAttributes = file.type === "file" || file.type === "directory";
  if (name.startsWith("user.") && !hasUserAttributes) throw error("lsetxattr", "EPERM");
  file.attributes.set(name, value);
}

function error(syscall: string, code: ErrnoName): SyscallError {
  return new SyscallError({ syscall, action: syscall, errno: Errno[code] });
}
