/** What can be said of `buildroot-ext/` without Buildroot. */
import assert from "node:assert/strict";
import { parseAssignments } from "../support/kconfig.ts";

const EXTERNAL = new URL("../../buildroot-ext", import.meta.url).pathname;

function defconfig(architecture: string) {
  return parseAssignments(
    Deno.readTextFileSync(`${EXTERNAL}/configs/frontloader_${architecture}_defconfig`),
  );
}

Deno.test("both architectures are the same system: they differ in processor, toolchain, kernel image and boot loader", () => {
  const [x86, arm] = [defconfig("x86_64"), defconfig("aarch64")];
  const names = new Set([...x86.keys(), ...arm.keys()]);
  const differences = [...names].filter((name) => x86.get(name) !== arm.get(name));
  assert.deepEqual(differences.sort(), [
    "BR2_LINUX_KERNEL_BZIMAGE",
    "BR2_LINUX_KERNEL_CONFIG_FRAGMENT_FILES",
    "BR2_LINUX_KERNEL_IMAGE",
    "BR2_TARGET_GRUB2_ARM64_EFI",
    "BR2_TARGET_GRUB2_I386_PC",
    "BR2_TARGET_GRUB2_X86_64_EFI",
    "BR2_TOOLCHAIN_EXTERNAL_BOOTLIN_AARCH64_GLIBC_STABLE",
    "BR2_TOOLCHAIN_EXTERNAL_BOOTLIN_X86_64_GLIBC_STABLE",
    "BR2_aarch64",
    "BR2_x86_64",
    "BR2_x86_x86_64",
  ]);
});

Deno.test("every file that a defconfig names is there", () => {
  for (const architecture of ["x86_64", "aarch64"]) {
    const paths = [...defconfig(architecture).values()].flatMap((value) =>
      Array.from(
        (value ?? "").matchAll(/\$\(BR2_EXTERNAL_FRONTLOADER_PATH\)(\/[^" ]+)/g),
        ([, path]) => path,
      )
    );
    assert(paths.length >= 6);
    for (const path of paths) Deno.statSync(EXTERNAL + path);
  }
});

Deno.test("the kernel's version is one whose digest is known", () => {
  const version = /[\d.]+/.exec(
    defconfig("x86_64").get("BR2_LINUX_KERNEL_CUSTOM_VERSION_VALUE") ?? "",
  )?.[0];
  const hashes = Deno.readTextFileSync(`${EXTERNAL}/board/frontloader/patches/linux/linux.hash`);
  assert.match(hashes, new RegExp(`^sha256  [0-9a-f]{64}  linux-${version}\\.tar\\.xz$`, "m"));
});
