/**
 * When a device is formatted, and above all when it is not. In each case every byte of the device is compared before and after
 * two attempts: one by the volume child, as the configuration's "ifBlank" has it made, and one by the gate before mkfs.xfs alone.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { BlockDevice } from "../../ffi/block_device.ts";
import type { XfsVolume } from "../../src/config/settings.ts";
import { errorChain } from "../../src/log/error_chain.ts";
import { reasonNotToFormat } from "../../src/volumes/blank.ts";
import { formatIfBlank } from "../../src/volumes/format.ts";
import { runVolumeTask } from "../../src/volumes/volume_process.ts";
import { commandText, runCommand } from "../support/command.ts";
import {
  drbdMetadata,
  mdSuperblock090,
  mdSuperblock1,
  type Piece,
  zfsUberblocks,
} from "../support/foreign_headers.ts";
import { LoopDevice } from "../support/loop_device.ts";
import { mountsWith } from "../support/process_facts.ts";
import { TemporaryDirectory } from "../support/temporary_directory.ts";

const MiB = 2 ** 20;
/** Large enough for an XFS, so that this is never the reason. */
const MEGABYTES = 320;
const SIZE = MEGABYTES * MiB;

/** One device that must not be formatted. */
interface Case {
  /** Behind "a device with". */
  readonly name: string;
  /** Its size, if it is not the usual one. */
  readonly megabytes?: number;
  /** Puts something on it, or holds it until the result is disposed of. */
  readonly prepare: (device: LoopDevice) => Promise<AsyncDisposable | Disposable | void>;
  /** Why the gate before mkfs.xfs does not let it pass. */
  readonly reason: RegExp;
}

/** A device on which a program has put something. */
function made(name: string, type: string, ...command: string[]): Case {
  return {
    name,
    async prepare({ path }) {
      await runCommand(command.map((word) => word === "DEVICE" ? path : word));
    },
    reason: new RegExp(`it is not blank: it has ${type}`),
  };
}

/** A device with nothing but these bytes. */
function bytesAt(name: string, reason: RegExp, ...pieces: Piece[]): Case {
  return {
    name,
    prepare: (device) => Promise.resolve(pieces.forEach((piece) => write(device, piece))),
    reason,
  };
}

/** Writes by way of the device, so that no cache of it is out of date. */
function write({ path }: LoopDevice, { offset, bytes }: Piece): void {
  using file = Deno.openSync(path, { write: true });
  file.seekSync(offset, Deno.SeekMode.Start);
  for (let rest = bytes; rest.length > 0;) rest = rest.subarray(file.writeSync(rest));
}

function wipe(device: LoopDevice, offset: number, length: number): void {
  for (let done = 0; done < length; done += MiB) {
    const bytes = new Uint8Array(Math.min(MiB, length - done));
    write(device, { offset: offset + done, bytes });
  }
}

/** The same in every run, since by chance it could look like something. */
const noise = Uint8Array.from({ length: 4096 }, (_, index) => 1 + (index * 37) % 255);

async function encrypt(type: string, { path }: LoopDevice): Promise<void> {
  const options = ["--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000", "--key-file", "-"];
  await runCommand(["cryptsetup", "luksFormat", "-q", "--type", type, ...options, path], {
    stdin: "not a secret",
  });
}

async function fromDirectory(command: (directory: string) => string[]): Promise<void> {
  using directory = new TemporaryDirectory();
  Deno.writeTextFileSync(`${directory.path}/file`, "something");
  await runCommand(command(directory.path));
}

/** A GPT with one partition, and what is left of it. */
async function gpt(device: LoopDevice, wiped?: "primary" | "backup"): Promise<void> {
  await runCommand(["sgdisk", "--new=1:2048:+200M", device.path]);
  if (wiped === "primary") wipe(device, 0, MiB);
  if (wiped === "backup") wipe(device, SIZE - MiB, MiB);
}

/** An XFS of which all is gone but what is in the middle of the device. */
async function wipedXfs(device: LoopDevice, size: number, ends: number): Promise<void> {
  await runCommand(["mkfs.xfs", "-q", device.path]);
  wipe(device, 0, ends);
  wipe(device, size - ends, ends);
}

const cases: Case[] = [
  made("ext4", "ext4", "mkfs.ext4", "-q", "DEVICE"),
  made("ext2", "ext2", "mke2fs", "-q", "-t", "ext2", "DEVICE"),
  made("a journal of ext4", "jbd", "mke2fs", "-q", "-O", "journal_dev", "DEVICE"),
  made("btrfs", "btrfs", "mkfs.btrfs", "-q", "DEVICE"),
  made("VFAT", "vfat", "mkfs.vfat", "DEVICE"),
  made("exFAT", "exfat", "mkfs.exfat", "DEVICE"),
  made("NTFS", "ntfs", "mkntfs", "-F", "-Q", "-q", "DEVICE"),
  made("F2FS", "f2fs", "mkfs.f2fs", "-q", "DEVICE"),
  made("NILFS2", "nilfs2", "mkfs.nilfs2", "-q", "DEVICE"),
  made("JFS", "jfs", "mkfs.jfs", "-q", "DEVICE"),
  made("ReiserFS", "reiserfs", "mkfs.reiserfs", "-q", "-f", "DEVICE"),
  made("UDF", "udf", "mkudffs", "DEVICE"),
  made("swap", "swap", "mkswap", "DEVICE"),
  made("a physical volume of LVM", "LVM2_member", "pvcreate", "-q", "-f", "-y", "DEVICE"),
  made("a cached device of bcache", "bcache", "make-bcache", "-B", "DEVICE"),
  made("a cache of bcache", "bcache", "make-bcache", "-C", "DEVICE"),
  {
    name: "LUKS1",
    prepare: (device) => encrypt("luks1", device),
    reason: /it has crypto_LUKS/,
  },
  {
    name: "LUKS2",
    prepare: (device) => encrypt("luks2", device),
    reason: /it has crypto_LUKS/,
  },
  {
    name: "LUKS2 whose first header was wiped",
    async prepare(device) {
      await encrypt("luks2", device);
      wipe(device, 0, 16 * 1024);
    },
    reason: /is not blank/,
  },
  bytesAt("a RAID member in format 0.90", /linux_raid_member/, mdSuperblock090(SIZE)),
  bytesAt("a RAID member in format 1.0", /linux_raid_member/, mdSuperblock1(SIZE, 0)),
  bytesAt("a RAID member in format 1.1", /linux_raid_member/, mdSuperblock1(SIZE, 1)),
  bytesAt("a RAID member in format 1.2", /linux_raid_member/, mdSuperblock1(SIZE, 2)),
  bytesAt("a member of a ZFS pool", /zfs_member/, zfsUberblocks(0), zfsUberblocks(256 * 1024)),
  bytesAt(
    "a member of a ZFS pool whose first labels were wiped",
    /is not blank/,
    zfsUberblocks(SIZE - 512 * 1024),
    zfsUberblocks(SIZE - 256 * 1024),
  ),
  bytesAt("metadata of DRBD", /is not blank/, drbdMetadata(SIZE)),
  {
    name: "squashfs",
    prepare: ({ path }) =>
      fromDirectory((from) => ["mksquashfs", from, path, "-noappend", "-quiet", "-no-progress"]),
    reason: /it has squashfs/,
  },
  {
    name: "an ISO image",
    prepare: ({ path }) => fromDirectory((from) => ["genisoimage", "-quiet", "-o", path, from]),
    reason: /it has iso9660/,
  },
  { name: "a GPT", prepare: (device) => gpt(device), reason: /a partition table \(gpt\)/ },
  {
    name: "a GPT without its backup",
    prepare: (device) => gpt(device, "backup"),
    reason: /a partition table \(gpt\)/,
  },
  { name: "the backup of a GPT alone", prepare: (d) => gpt(d, "primary"), reason: /not blank/ },
  {
    name: "an MBR",
    async prepare({ path }) {
      await runCommand(["sfdisk", "-q", path], { stdin: "2048,200M,L\n" });
    },
    reason: /a partition table \(dos\)/,
  },
  {
    name: "an MBR without partitions",
    async prepare({ path }) {
      await runCommand(["sfdisk", "-q", path], { stdin: "label: dos\n" });
    },
    reason: /a partition table \(dos\)/,
  },
  {
    name: "an XFS whose superblock was wiped",
    async prepare(device) {
      await runCommand(["mkfs.xfs", "-q", device.path]);
      wipe(device, 0, 512);
    },
    reason: /is not blank: it has data at byte 512$/,
  },
  {
    name: "an XFS whose first and last MiB were wiped",
    prepare: (device) => wipedXfs(device, SIZE, MiB),
    reason: /is not blank: it has data at byte \d+$/,
  },
  {
    name: "a large XFS whose first and last 64 MiB were wiped",
    megabytes: 5 * 1024 + 3,
    prepare: (device) => wipedXfs(device, (5 * 1024 + 3) * MiB, 64 * MiB),
    reason: /is not blank: it has data at byte \d+$/,
  },
  {
    name: "a large ext4 whose first and last 64 MiB were wiped",
    megabytes: 2 * 1024 + 500,
    async prepare(device) {
      await runCommand(["mkfs.ext4", "-q", "-E", "nodiscard", device.path]);
      wipe(device, 0, 64 * MiB);
      wipe(device, (2 * 1024 + 436) * MiB, 64 * MiB);
    },
    reason: /is not blank: it has data at byte \d+$/,
  },
  {
    name: "the log of an XFS that lies elsewhere",
    async prepare({ path }) {
      await using other = await LoopDevice.attach(MEGABYTES);
      await runCommand(["mkfs.xfs", "-q", "-l", `logdev=${path},size=64m`, other.path]);
    },
    reason: /is not blank/,
  },
  bytesAt("noise at its beginning", /data at byte \d+$/, { offset: 0, bytes: noise }),
  bytesAt("one byte in its second MiB", /data at byte 1500000$/, {
    offset: 1_500_000,
    bytes: Uint8Array.of(1),
  }),
  bytesAt("one byte in its middle", /data at byte 167000001$/, {
    offset: 167_000_001,
    bytes: Uint8Array.of(128),
  }),
  bytesAt("one byte at its end", new RegExp(`data at byte ${SIZE - 1}$`), {
    offset: SIZE - 1,
    bytes: Uint8Array.of(255),
  }),
  {
    name: "nothing but ones",
    prepare(device) {
      const bytes = new Uint8Array(MiB).fill(255);
      for (let n = 0; n < MEGABYTES; n++) write(device, { offset: n * MiB, bytes });
      return Promise.resolve();
    },
    reason: /data at byte 0$/,
  },
  {
    name: "too little room",
    megabytes: 299,
    prepare: () => Promise.resolve(),
    reason: /it is too small for an XFS: 313524224 bytes$/,
  },
  {
    name: "write protection",
    async prepare({ path }) {
      await runCommand(["blockdev", "--setro", path]);
    },
    reason: /it is write-protected$/,
  },
  {
    name: "another user",
    prepare: ({ path }) => Promise.resolve(BlockDevice.open(path, { exclusive: true })),
    reason: /it is in use$/,
  },
  {
    name: "an ext4 that is mounted, and wiped since",
    async prepare(device) {
      await runCommand(["mkfs.ext4", "-q", device.path]);
      const mounted = await Mounted.mount(device.path, "-o", "ro");
      wipe(device, 0, SIZE);
      return mounted;
    },
    reason: /it is in use$/,
  },
  {
    name: "partitions that the kernel knows, and no partition table any more",
    async prepare(device) {
      await gpt(device);
      await runCommand(["partx", "--add", device.path]);
      wipe(device, 0, MiB);
      wipe(device, SIZE - MiB, MiB);
      return { [Symbol.asyncDispose]: () => deletePartitions(device) };
    },
    reason: /it has partitions: loop\d+p1$/,
  },
  {
    name: "a partition that is mounted",
    async prepare(device) {
      await gpt(device);
      await runCommand(["partx", "--add", device.path]);
      await runCommand(["mkfs.ext4", "-q", `${device.path}p1`]);
      const mounted = await Mounted.mount(`${device.path}p1`, "-o", "ro");
      return {
        async [Symbol.asyncDispose]() {
          await mounted[Symbol.asyncDispose]();
          await deletePartitions(device);
        },
      };
    },
    reason: /it has partitions: loop\d+p1$/,
  },
];

async function deletePartitions({ path }: LoopDevice): Promise<void> {
  await runCommand(["partx", "--delete", path]);
}

/** A file system that is mounted somewhere until it is disposed of. */
class Mounted implements AsyncDisposable {
  readonly #directory = new TemporaryDirectory();

  static async mount(device: string, ...options: string[]): Promise<Mounted> {
    const mounted = new Mounted();
    await runCommand(["mount", ...options, device, mounted.#directory.path]);
    return mounted;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await runCommand(["umount", this.#directory.path]);
    this.#directory[Symbol.dispose]();
  }
}

/** The digest of every byte of a device, as it is in the file behind it. */
async function digestOf({ path, file }: LoopDevice): Promise<string> {
  await runCommand(["blockdev", "--flushbufs", path]);
  using opened = await Deno.open(file);
  const hash = createHash("sha256");
  const buffer = new Uint8Array(4 * MiB);
  for (let count = await opened.read(buffer); count !== null; count = await opened.read(buffer)) {
    hash.update(buffer.subarray(0, count));
  }
  return hash.digest("hex");
}

function volumeOn(device: string, path: string): XfsVolume {
  return { path, device, fstype: "xfs", options: "", format: "ifBlank" };
}

/** The error of something that must not work, with its causes. */
async function failureOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return errorChain(error).join(": ");
  }
  throw new Error("It worked");
}

for (const { name, megabytes = MEGABYTES, prepare, reason } of cases) {
  Deno.test(`a device with ${name} is not written to`, async () => {
    using directory = new TemporaryDirectory();
    await using device = await LoopDevice.attach(megabytes);
    const held = await prepare(device);
    try {
      const before = await digestOf(device);
      const path = `${directory.path}/volume`;
      const said = await failureOf(
        runVolumeTask({ task: "mount", volume: volumeOn(device.path, path) }),
      );
      assert.match(said, /^Cannot (?:format "\/dev\/loop\d+": it |mount .*: it has no XFS but )/);
      const gate = await failureOf(formatIfBlank(device.path, () => assert.fail("formats")));
      assert.match(gate, reason);
      assert.deepEqual(mountsWith(path), []);
      assert.equal(await digestOf(device), before);
    } finally {
      if (held !== undefined && Symbol.asyncDispose in held) await held[Symbol.asyncDispose]();
      else held?.[Symbol.dispose]();
      // The kernel keeps it beyond the end of the device.
      await runCommand(["blockdev", "--setrw", device.path]);
    }
  });
}

Deno.test("a damaged XFS is not written to, and the error says what the kernel says", async () => {
  using directory = new TemporaryDirectory();
  await using device = await LoopDevice.attach(MEGABYTES);
  await runCommand(["mkfs.xfs", "-q", device.path]);
  write(device, { offset: 100, bytes: Uint8Array.of(1, 2, 3) });
  const before = await digestOf(device);
  const volume = volumeOn(device.path, `${directory.path}/volume`);
  const said = await failureOf(runVolumeTask({ task: "mount", volume }));
  assert.match(
    said,
    /^Cannot mount .*: (?:EUCLEAN|EINVAL): The kernel's log says: XFS \(loop\d+\): /,
  );
  assert.match(await failureOf(formatIfBlank(device.path, () => {})), /is not blank: it has/);
  assert.equal(await digestOf(device), before);
});

Deno.test("without ifBlank a blank device is not written to, and the error names the key", async () => {
  using directory = new TemporaryDirectory();
  await using device = await LoopDevice.attach(MEGABYTES);
  const before = await digestOf(device);
  const volume = { ...volumeOn(device.path, `${directory.path}/volume`), format: "never" } as const;
  const said = await failureOf(runVolumeTask({ task: "mount", volume }));
  assert.match(said, /it has no XFS but nothing that is known; .*"format": "ifBlank"/);
  assert.equal(await digestOf(device), before);
});

Deno.test("the disk that the machine runs from is not formatted", async () => {
  const root = (await commandText(["findmnt", "-n", "-o", "SOURCE", "/"])).trim();
  // Only asked whether it may: mkfs.xfs is not in reach of this test.
  assert.match(
    await reasonNotToFormat(root) ?? "may be formatted",
    /^is on the disk that this machine runs from, /,
  );
});

Deno.test("what is no block device is not written to", async () => {
  using directory = new TemporaryDirectory();
  const file = `${directory.path}/file`;
  Deno.writeFileSync(file, new Uint8Array(MiB));
  for (const device of [file, directory.path, "/dev/null"]) {
    const volume = volumeOn(device, `${directory.path}/volume`);
    const said = await failureOf(runVolumeTask({ task: "mount", volume }));
    assert.match(said, /^Cannot use ".*": it is no block device$/);
  }
  assert(Deno.readFileSync(file).every((byte) => byte === 0));
});

const BLKID = '"$(readlink -f "$(command -v blkid)")"';
/** A blkid that cannot read the device, which has the exit status of one that finds nothing. */
const BROKEN_BLKID = String.raw`#!/bin/sh
[ "$1" = -V ] && echo "blkid from util-linux (libblkid)" && exit
echo "error: Input/output error" >&2
exit 2`;

for (
  const [name, script, reason] of [
    ["is missing", `mount --bind /dev/null ${BLKID}`, "run blkid"],
    [
      "is busybox's",
      `mount --bind "$(command -v busybox)" ${BLKID}`,
      'look for signatures on ".*": blkid is not that of util-linux',
    ],
    [
      "fails",
      `chmod +x blkid && mount --bind blkid ${BLKID}`,
      'look for signatures on ".*": blkid: error: Input/output error',
    ],
  ] as const
) {
  Deno.test(`where blkid ${name} nothing is formatted`, async () => {
    using directory = new TemporaryDirectory();
    await using device = await LoopDevice.attach(MEGABYTES);
    const before = await digestOf(device);
    const request = { task: "mount", volume: volumeOn(device.path, `${directory.path}/volume`) };
    const main = new URL("../../src/main.ts", import.meta.url).pathname;
    const child = `${script} && "$0" run --quiet --allow-all ${main} __mount || true`;
    const command = ["unshare", "--mount", "sh", "-c", child, Deno.execPath()];
    Deno.writeTextFileSync(`${directory.path}/blkid`, BROKEN_BLKID);
    const stdin = JSON.stringify(request);
    const said = await commandText(command, { stdin, cwd: directory.path });
    assert.match(JSON.parse(said).failed.join(": "), new RegExp(`^Cannot ${reason}`));
    assert.equal(await digestOf(device), before);
  });
}

Deno.test("a blank device is formatted and mounted", async () => {
  using directory = new TemporaryDirectory();
  await using device = await LoopDevice.attach(MEGABYTES);
  const path = `${directory.path}/volume`;
  const notes: string[] = [];
  const mounted = await runVolumeTask({ task: "mount", volume: volumeOn(device.path, path) }, {
    onNote: (note) => notes.push(note),
  });
  assert.equal(mounted.source, device.path);
  assert.match(notes.join("\n"), /^Nothing is on .*: making an XFS\nMade an XFS on .*: UUID=/);
  await runVolumeTask({ task: "unmount", path, lazily: false });
  await runCommand(["xfs_repair", "-n", device.path]);
});

Deno.test("a blank partition is formatted, and nothing around it is written to", async () => {
  using directory = new TemporaryDirectory();
  await using device = await LoopDevice.attach(2 * MEGABYTES);
  await runCommand(["sgdisk", "--new=1:2048:+310M", "--new=2:0:+310M", device.path]);
  await runCommand(["partx", "--add", device.path]);
  try {
    write(device, { offset: MiB + 310 * MiB + 5, bytes: noise });
    const path = `${directory.path}/volume`;
    const volume = volumeOn(`${device.path}p1`, path);
    await runVolumeTask({ task: "mount", volume });
    await runVolumeTask({ task: "unmount", path, lazily: false });
    await runCommand(["sgdisk", "--verify", device.path]);
    using file = Deno.openSync(device.path);
    file.seekSync(MiB + 310 * MiB, Deno.SeekMode.Start);
    const neighbour = new Uint8Array(MiB);
    file.readSync(neighbour);
    assert.deepEqual(neighbour.subarray(5, 5 + noise.length), noise);
    assert(neighbour.subarray(5 + noise.length).every((byte) => byte === 0));
  } finally {
    await deletePartitions(device);
  }
});

Deno.test("mkfs.xfs does not take a device that another one has for itself", async () => {
  await using device = await LoopDevice.attach(MEGABYTES);
  using _ = BlockDevice.open(device.path, { exclusive: true });
  assert.match(await failureOf(runCommand(["mkfs.xfs", "-q", device.path])), /busy|exclusive/i);
});

Deno.test("mkfs.xfs itself does not take what it recognises, since it gets no -f", async () => {
  await using device = await LoopDevice.attach(MEGABYTES);
  await runCommand(["mkfs.ext4", "-q", device.path]);
  const before = await digestOf(device);
  using held = BlockDevice.open(device.path);
  const said = await failureOf(runCommand(["mkfs.xfs", "-q", "-K", held.pathForOthers]));
  assert.match(said, /appears to contain an existing filesystem/);
  assert.equal(await digestOf(device), before);
});
