/** What `./build.sh quick` leaves in `output/quick`. That it boots is for `tests/boot/disk_test.ts`. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { commandText, runCommand } from "../support/command.ts";
import { startDockerRegistry } from "../support/docker_registry.ts";
import { APPLIANCE } from "../support/guest/appliance.ts";
import { TemporaryDirectory } from "../support/temporary_directory.ts";

const ROOT = new URL("../..", import.meta.url).pathname;

function sha256(path: string): string {
  return createHash("sha256").update(Deno.readFileSync(path)).digest("hex");
}

/** What the system says of itself. */
function osRelease(): Record<string, string> {
  const text = Deno.readTextFileSync(`${APPLIANCE.directory}/os-release`);
  return Object.fromEntries(
    Array.from(text.matchAll(/^(\w+)=(.*)$/gm), ([, name, value]) => [name, value]),
  );
}

/** Copies these sources as a repository has them, with everything that was downloaded for them. */
async function copySources(directory: string): Promise<void> {
  const list = ["git", "ls-files", "--cached", "--others", "--exclude-standard"];
  await runCommand(["cpio", "--pass-through", "--make-directories", "--quiet", directory], {
    cwd: ROOT,
    stdin: await commandText(list, { cwd: ROOT }),
  });
  await Deno.mkdir(`${directory}/.cache`);
  for await (const { name } of Deno.readDir(`${ROOT}.cache`)) {
    const [original, copy] = [`${ROOT}.cache/${name}`, `${directory}/.cache/${name}`];
    // A link to npm's packages would lead deno back to where they were.
    if (name === "deno") await runCommand(["cp", "-r", original, copy]);
    else await Deno.symlink(original, copy);
  }
}

Deno.test("the same commit gives the same system and the same disk.img, wherever and by whomever it is built", async () => {
  using directory = new TemporaryDirectory();
  await copySources(directory.path);
  const { BUILD_ID = "", FRONTLOADER_BUILD_TIME = "" } = osRelease();
  await runCommand(["sh", "-c", "umask 077; exec ./build.sh quick"], {
    cwd: directory.path,
    env: { COMMIT: BUILD_ID, SOURCE_DATE_EPOCH: FRONTLOADER_BUILD_TIME, TZ: "Asia/Tokyo" },
  });
  for (const name of ["initrd", "bzImage", "disk.img"]) {
    const [built, again] = [APPLIANCE.directory, `${directory.path}/output/quick`];
    assert.equal(sha256(`${again}/${name}`), sha256(`${built}/${name}`), name);
  }
});

Deno.test("the program is one file where deno compile has a runtime, and the same again", async () => {
  // The deno binary takes the place of the runtime: what comes out does not run, but is made in the same way.
  const env = { DENORT_BIN: await Deno.realPath(Deno.execPath()) };
  const [one, other] = [new TemporaryDirectory(), new TemporaryDirectory()];
  using _one = one, _other = other;
  for (const { path } of [one, other]) {
    await runCommand([`${ROOT}build.sh`, "program", path], { env });
    assert.deepEqual(
      (await commandText(["find", ".", "-type", "f"], { cwd: path })).split("\n").sort(),
      ["", "./etc/os-release", "./usr/bin/frontloader"],
    );
  }
  const program = "usr/bin/frontloader";
  assert.equal(sha256(`${one.path}/${program}`), sha256(`${other.path}/${program}`));
});

Deno.test("a runtime for deno compile that is named must be there", async () => {
  using directory = new TemporaryDirectory();
  const env = { DENORT_BIN: "/nonexistent/denort" };
  await assert.rejects(
    runCommand([`${ROOT}build.sh`, "program", directory.path], { env }),
    /cannot compile with DENORT_BIN=\/nonexistent\/denort/,
  );
});

Deno.test("nobody can log in to the system: no password, no getty, no server for terminals", async () => {
  const names = (await commandText(["find", `${APPLIANCE.directory}/root`, "-printf", "%f\n"]))
    .split("\n");
  for (const name of ["shadow", "inittab", "getty", "login", "sshd", "dropbear", "telnetd", "su"]) {
    assert(!names.includes(name), name);
  }
});

Deno.test("the image of a kernel upgrade carries kernel and system, says its commit, and can be pushed", async () => {
  await runCommand([`${ROOT}build.sh`, "image"]);
  await using registry = await startDockerRegistry();
  const image = `docker://${registry.host}/frontloader/system:1`;
  const layout = `oci:${APPLIANCE.directory}/image`;
  await runCommand(["skopeo", "copy", "--dest-tls-verify=false", layout, image]);
  const { Labels, Digest, Os, Architecture } = JSON.parse(
    await commandText(["skopeo", "inspect", "--tls-verify=false", image]),
  );
  const { BUILD_ID, VERSION_ID } = osRelease();
  assert.deepEqual({ ...Labels, Os, Architecture }, {
    "commit": BUILD_ID,
    "org.opencontainers.image.revision": BUILD_ID,
    "org.opencontainers.image.title": "Frontloader",
    "org.opencontainers.image.version": VERSION_ID,
    Os: "linux",
    Architecture: "amd64",
  });

  using directory = new TemporaryDirectory();
  await runCommand([
    "umoci",
    "unpack",
    "--image",
    `${APPLIANCE.directory}/image:${VERSION_ID}`,
    directory.path,
  ]);
  for (const name of ["bzImage", "initrd"]) {
    assert.equal(
      sha256(`${directory.path}/rootfs/${name}`),
      sha256(`${APPLIANCE.directory}/${name}`),
      name,
    );
  }

  await runCommand([`${ROOT}build.sh`, "image"]);
  const again = JSON.parse(await commandText(["skopeo", "inspect", layout]));
  assert.equal(again.Digest, Digest, "the same build is the same image");
});

Deno.test("a disk.img is for a machine in the cloud, unless the build is told another command line", async () => {
  const made = await commandText(["mtype", "-i", `${APPLIANCE.disk}@@2M`, "::/grub/cmdline.cfg"]);
  assert.match(made, /^set cmdline='.* console=ttyS0,115200n8 .* FL_ENV=ec2'\n$/);
  const script = `. build/disk.sh && cmdline_of "$@"`;
  const words = (...told: string[]) =>
    commandText(["bash", "-c", script, "bash", ...told], { cwd: ROOT });
  assert.equal(made, `set cmdline='${await words()}'\n`);
  assert.equal(await words("--cmdline", "quiet FL_URL=/x"), "quiet FL_URL=/x");
});

Deno.test("a command line that GRUB cannot hand on is refused", async () => {
  for (const words of ["a='b'", 'a="b"', "a=\\b", "a\nb"]) {
    await assert.rejects(
      runCommand([`${ROOT}build.sh`, "cmdline", words, "/nonexistent/disk.img"]),
      /command line cannot have quotes, backslashes and ends of lines/,
    );
  }
});
