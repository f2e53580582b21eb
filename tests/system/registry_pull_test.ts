import assert from "node:assert/strict";
import { runCommand } from "../support/command.ts";
import { startDockerRegistry } from "../support/docker_registry.ts";
import { describeTree, treeDifferences } from "../support/file_tree.ts";
import { eventually } from "../support/frontloader.ts";
import {
  type FrontloaderCommand,
  runFrontloader,
  startCommand,
} from "../support/frontloader_command.ts";
import {
  type Compression,
  loadImage,
  type LocalImage,
  pushImage,
  readBlob,
  readManifest,
  unpackImage,
} from "../support/local_image.ts";
import { isProcess, namesIn, sharedMemory } from "../support/machine_facts.ts";
import { childrenOf, mountsWith, rootFsDirectories } from "../support/process_facts.ts";
import { debianImage, makeBusyboxImage, makeLayeredImage } from "../support/real_images.ts";
import { startRegistry } from "../support/registry_server.ts";
import { StalledResponse } from "../support/stalled_response.ts";
import { TemporaryDirectory } from "../support/temporary_directory.ts";
import { TemporaryTmpfs } from "../support/temporary_tmpfs.ts";

/** A directory to pull into, and what there was before, to compare with in the end. */
class PullPlace implements Disposable {
  readonly directory = new TemporaryDirectory();
  readonly runDirectory = `${this.directory.path}/run`;
  readonly target = `${this.directory.path}/target`;
  readonly #memory = sharedMemory();
  readonly #rootFs = rootFsDirectories();

  constructor() {
    Deno.mkdirSync(this.target);
  }

  [Symbol.dispose](): void {
    this.directory[Symbol.dispose]();
  }

  start(image: string): FrontloaderCommand {
    return startCommand(["pull", image, this.target], this);
  }

  /** What tmpfs takes more than at first, in bytes; on a quiet machine. */
  get memoryTaken(): number {
    return sharedMemory() - this.#memory;
  }

  /** Waits until the memory that was taken is given back; what else the machine has in memory may have grown by some of it. */
  async waitForMemory(taken: number): Promise<void> {
    await eventually(
      `${taken} bytes of memory are given back`,
      () => this.memoryTaken < taken / 2 || undefined,
    );
  }

  async assertNothingLeft(): Promise<void> {
    assert.deepEqual(mountsWith(this.directory.path), []);
    assert.deepEqual(namesIn(this.target), []);
    assert.deepEqual(namesIn(this.runDirectory), []);
    await eventually(
      "no root file system is left",
      () => rootFsDirectories().every((name) => this.#rootFs.includes(name)) || undefined,
    );
  }
}

const images: readonly {
  readonly name: string;
  readonly make: (directory: string) => Promise<LocalImage>;
  readonly variants: readonly {
    readonly compression: Compression;
    readonly format: "oci" | "v2s2";
  }[];
}[] = [
  {
    name: "a busybox tree that buildah packed",
    make: makeBusyboxImage,
    variants: [{ compression: "gzip", format: "v2s2" }],
  },
  {
    name: "the Debian that debootstrap makes",
    make: debianImage,
    variants: [{ compression: "gzip", format: "oci" }],
  },
  {
    name: "layers with all kinds of files and whiteouts",
    make: makeLayeredImage,
    variants: [
      { compression: "gzip", format: "oci" },
      { compression: "zstd", format: "oci" },
      { compression: "none", format: "oci" },
    ],
  },
];

for (const { name, make, variants } of images) {
  Deno.test(`pull makes the tree that umoci makes, of ${name}`, async () => {
    using scratch = new TemporaryDirectory();
    await using registry = await startDockerRegistry();
    const image = await make(scratch.path);
    await using tmpfs = await TemporaryTmpfs.mount();
    const expected = await describeTree(await unpackImage(image, `${tmpfs.path}/bundle`));
    for (const { compression, format } of variants) {
      using place = new PullPlace();
      const { host, origin } = registry;
      await pushImage(image, {
        host,
        repository: "some/image",
        tag: compression,
        compression,
        format,
      });
      const { code, stdout, stderr } = await place.start(
        `${origin}/v2/some/image/manifests/${compression}`,
      ).result;
      assert.equal(code, 0, stderr);
      assert.match(stdout, /sha256:[0-9a-f]{64} is mounted on /);
      try {
        const actual = await describeTree(place.target);
        console.log(`${actual.size} names, ${format} manifest, layers: ${compression}`);
        assert.deepEqual(treeDifferences(expected, actual), []);
      } finally {
        await runCommand(["umount", place.target]);
      }
      await place.assertNothingLeft();
    }
  });
}

Deno.test("a pulled tree is read-only and takes tmpfs memory until it is unmounted", async () => {
  await using registry = startRegistry();
  loadImage(await debianImage(), registry, { repository: "debian", tag: "latest" });
  using place = new PullPlace();
  assert.equal((await place.start(`${registry.origin}/debian:latest`).result).code, 0);
  const taken = place.memoryTaken;
  console.log(`${Math.round(taken / 1e6)} MB while it is mounted`);
  try {
    assert(taken > 100e6);
    assert.throws(() => Deno.writeTextFileSync(`${place.target}/etc/motd`, ""), /read-only/i);
    const [mount = "", ...others] = mountsWith(place.directory.path);
    assert.deepEqual(others, []);
    assert.match(mount, / ro,nosuid,nodev.* - overlay frontloader /);
  } finally {
    await runCommand(["umount", place.target]);
  }
  await place.waitForMemory(taken);
  await place.assertNothingLeft();
});

Deno.test("a pull that cannot be says why, and leaves nothing behind", async () => {
  await using registry = await startDockerRegistry({
    type: "basic",
    username: "somebody",
    password: "a-password",
  });
  await using open = startRegistry();
  using place = new PullPlace();
  const file = `${place.directory.path}/file`;
  Deno.writeTextFileSync(file, "");
  const { target } = place;
  const rows: readonly {
    readonly args: readonly string[];
    readonly code: number;
    readonly says: RegExp;
  }[] = [
    { args: [`${open.origin}/no/such:image`, target], code: 1, says: /no\/such:image[^]*404/ },
    { args: [`${registry.origin}/any/image:1`, target], code: 1, says: /any\/image:1[^]*401/ },
    {
      args: [`${open.origin}/a:1`, `${target}/missing`],
      code: 1,
      says: /Cannot mount an image on ".*\/missing"\n.*No such file/,
    },
    { args: [`${open.origin}/a:1`, file], code: 1, says: /on ".*\/file": it is no directory/ },
    { args: ["UPPER/CASE", target], code: 1, says: /Cannot use "UPPER\/CASE" as an image/ },
    { args: [`${open.origin}/a:1`], code: 2, says: /pull takes an image and a directory/ },
    { args: ["a", "b", "c"], code: 2, says: /pull takes an image and a directory/ },
  ];
  for (const { args, code, says } of rows) {
    const result = await runFrontloader(["pull", ...args], place);
    assert.match(result.stderr, says);
    assert.deepEqual({ code: result.code, stdout: result.stdout }, { code, stdout: "" });
    // No line is a stack trace.
    assert.doesNotMatch(result.stderr, /^\s+at /m);
  }
  await place.assertNothingLeft();
});

/** A pull that got half of a large layer and waits for the rest. */
async function stalledPull(
  test: (pull: FrontloaderCommand, child: number) => Promise<void>,
): Promise<void> {
  await using registry = startRegistry();
  const image = await debianImage();
  loadImage(image, registry, { repository: "debian", tag: "latest" });
  const [layer] = readManifest(image).layers;
  const stall = new StalledResponse(readBlob(image, layer!), 0.5);
  registry.hook = (request) => request.url.includes(layer!.digest) ? stall.make() : undefined;
  using place = new PullPlace();
  const pull = place.start(`${registry.origin}/debian:latest`);
  await stall.stalled;
  await eventually("much of it is unpacked", () => place.memoryTaken > 40e6 || undefined);
  const taken = place.memoryTaken;
  const [child] = childrenOf(pull.pid);
  await test(pull, child!.pid);
  await place.waitForMemory(taken);
  await place.assertNothingLeft();
}

Deno.test("kill -9 of a pull ends its child, and leaves nothing behind", async () => {
  await stalledPull(async (pull, child) => {
    Deno.kill(pull.pid, "SIGKILL");
    assert.equal((await pull.result).signal, "SIGKILL");
    await eventually("the child has ended", () => !isProcess(child) || undefined);
  });
});

Deno.test("kill -9 of a pull's child is a pull that failed, and leaves nothing behind", async () => {
  await stalledPull(async (pull, child) => {
    Deno.kill(child, "SIGKILL");
    const { code, stderr } = await pull.result;
    assert.equal(code, 1);
    assert.match(stderr, /pull process ended without a result: signal SIGKILL/);
  });
});

Deno.test("TERM in the middle of a pull leaves nothing behind", async () => {
  await stalledPull(async (pull, child) => {
    Deno.kill(pull.pid, "SIGTERM");
    await pull.result;
    await eventually("the child has ended", () => !isProcess(child) || undefined);
  });
});
