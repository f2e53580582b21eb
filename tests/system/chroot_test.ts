/**
 * A Frontloader whose root is not the first one of its mount namespace, as in some build roots: what it starts must not find that
 * one. Needs root.
 */
import assert from "node:assert/strict";
import { commandText } from "../support/command.ts";
import { containerStatus, FrontloaderFixture } from "../support/frontloader_fixture.ts";

const MAIN = new URL("../../src/main.ts", import.meta.url).pathname;

/** A file in the root of the container, to tell it by. */
const MARK = "/mark-of-the-container";

/**
 * Climbs out of the root as far as there is something, by the classic way: a process whose current directory is outside of its
 * root (chroot(2)) goes up. Then it looks where it is.
 *
 * @param secret path of a file of the machine
 */
function climb(secret: string): string {
  return `mkdir /tmp/low
cp /bin/busybox /tmp/low/
cat >/tmp/low/climb <<'END'
i=0
while [ $i -lt 20 ]; do cd -P ..; i=$((i + 1)); done
[ -e .${MARK} ] && echo "in the container's root"
[ -e .${secret} ] && echo "at the machine's files"
echo "climbed"
END
busybox nsenter -r/tmp/low -w/ /busybox sh /climb
trap 'exit 0' TERM
sleep 1000 & wait`;
}

/** Shell commands that make another root in "$1", and set "root" to where it is. */
const ROOTS = {
  "in the first root": "root=/",
  "in a chroot that is a mount": 'mount --rbind / "$1"; root=$1',
  "in a chroot that is no mount": `for path in /*; do
  [ -d "$path" ] || continue
  mkdir "$1$path"
  [ -L "$path" ] && rmdir "$1$path" && cp -a "$path" "$1$path" || mount --rbind "$path" "$1$path"
done
root=$1`,
};

/** A command that executes another one in a mount namespace and root that one of {@linkcode ROOTS} makes. */
function within(script: string, directory: string): string[] {
  const place = `${directory}/root`;
  Deno.mkdirSync(place);
  const enter = `${script}\nshift; exec chroot "$root" "$@"`;
  return ["unshare", "--mount", "sh", "-ec", enter, "sh", place];
}

for (const [name, script] of Object.entries(ROOTS)) {
  Deno.test(`a container of a Frontloader ${name} has no other root to climb out to`, async () => {
    await using fixture = new FrontloaderFixture();
    const { directory } = fixture;
    const secret = `${directory}/secret`;
    Deno.writeTextFileSync(secret, "of the machine");
    await fixture.push("climber", climb(secret));
    fixture.configure({
      container: {
        id: "climber",
        manifest: fixture.image("climber"),
        files: { [MARK]: "" },
        mounts: { "/source": secret },
      },
    });
    const frontloader = fixture.start({}, { prefix: within(script, directory) });
    await frontloader.waitForLine(/ climber\| climbed$/);
    const found = frontloader.lines.flatMap((line) => / climber\| (.*)$/.exec(line)?.[1] ?? []);
    assert.deepEqual(found, ["in the container's root", "climbed"]);
    // Jobs enter the namespace as nsenter does.
    const { instances: [instance] } = await containerStatus(frontloader, "climber");
    const entered = await commandText(["nsenter", "-m", "-t", `${instance!.pid}`, "/bin/ls", "/"]);
    assert(entered.split("\n").includes(MARK.slice(1)), entered);
    await frontloader.stop();
  });

  Deno.test(`frontloader pull ${name} mounts on what its user calls the directory`, async () => {
    await using fixture = new FrontloaderFixture();
    const { directory } = fixture;
    await fixture.push("app", "exit");
    const target = `${directory}/target`;
    Deno.mkdirSync(target);
    const found = await commandText([
      ...within(script, directory),
      ...["sh", "-ec", '"$@" >&2; ls "$TARGET/bin/busybox"; umount "$TARGET"; ls "$TARGET"', "sh"],
      ...[Deno.execPath(), "run", "--quiet", "-A", MAIN, "pull", fixture.image("app"), target],
    ], { env: { TARGET: target } });
    assert.equal(found.trim(), `${target}/bin/busybox`);
  });
}
