/**
 * A container that can write to a directory in which another one has a destination of a mount exchanges what lies on the way to it
 * for symlinks, all the time (CVE-2021-30465). Needs root.
 */
import assert from "node:assert/strict";
import numbers from "../../../src/container/seccomp/syscall_numbers.json" with { type: "json" };
import { kill, Signal } from "../../../ffi/process.ts";
import { runCommand } from "../../support/command.ts";
import { ConfiguredContainers } from "../../support/configured_containers.ts";
import { eventually } from "../../support/frontloader.ts";
import { describeTree } from "../../support/file_tree.ts";
import { mountsWith } from "../../support/process_facts.ts";

const LAUNCHES = 60;
const SWAPS = 10_000;

Deno.test(`${SWAPS} swaps of symlinks on the way to destinations of mounts lead no mount out of the container`, async () => {
  using containers = await ConfiguredContainers.create("busybox", "debian");
  const [volume, host, source] = ["volume", "host", "source"].map((name) => {
    const path = `${containers.directory}/${name}`;
    Deno.mkdirSync(path, { mode: 0o777 });
    return path;
  }) as [string, string, string];
  Deno.chmodSync(volume, 0o777);
  // What the symlinks lead to: were they followed on the machine, something would be made or mounted here.
  for (const name of ["x", "deep/x"]) Deno.mkdirSync(`${host}/${name}`, { recursive: true });
  Deno.writeTextFileSync(`${host}/x/canary`, "");
  await runCommand(["mount", "-t", "tmpfs", "frontloader-source", source]);
  try {
    Deno.writeTextFileSync(`${source}/content`, "of the source\n");
    const before = await describeTree(host);
    const outcomes = { inside: 0, refused: 0 };
    const attack = await containers.run(["perl", "-e", attacker(host)], {
      tree: "debian",
      settings: { uid: 1000, gid: 1000, mounts: { "/volume": volume } },
      async whileRunning(pid, lines) {
        await eventually("the attack is on", () => lines.includes("ready") || undefined);
        const settings = {
          uid: 2000,
          mounts: {
            "/volume": volume,
            // A directory on the way is swapped, the destination itself, and one that leads up.
            "/volume/way/x": `${source}:ro`,
            "/volume/end": `${source}:ro`,
            "/volume/up/deep/x": `${source}:ro`,
          },
        };
        for (let launch = 0; launch < LAUNCHES; launch++) {
          try {
            const { stdout, stderr } = await containers.run(VICTIM, { settings });
            assert.deepEqual(stderr, []);
            // Three mounts, all of them inside and read-only, though the place of none may be what it was.
            assert.deepEqual(stdout, ["ro", "ro", "ro"]);
            outcomes.inside++;
          } catch (error) {
            if (error instanceof assert.AssertionError) throw error;
            assert.match(
              String(error),
              /^Error: Cannot mount "\S+" of the machine on "\/volume\/\S+" of the container\nCannot /,
            );
            outcomes.refused++;
          }
        }
        kill(pid, Signal.TERM);
      },
    });
    assert.deepEqual(attack.stderr, []);
    assert(Number(attack.stdout.at(-1)) >= SWAPS, `${attack.stdout.at(-1)} swaps only`);
    assert.equal(outcomes.inside + outcomes.refused, LAUNCHES);
    assert(outcomes.inside > 0, "no launch has come to its end");
    assert.deepEqual(await describeTree(host), before);
    assert.deepEqual(Array.from(Deno.readDirSync(source), ({ name }) => name), ["content"]);
    assert.deepEqual(mountsWith(containers.directory).length, 1, "more is mounted than the source");
  } finally {
    await runCommand(["umount", source]);
  }
});

/** Says of each mount of the source how it is mounted. Where it is may be something else by now. */
const VICTIM = `
  while read -r _ _ _ _ _ flags rest; do
    case $rest in *frontloader-source*) echo \${flags%%,*} ;; esac
  done </proc/self/mountinfo`;

/** Exchanges directories and symlinks, each atomically, until TERM; then says how often. */
function attacker(host: string): string {
  return `
    $| = 1; umask 0; chdir "/volume" or die;
    mkdir "way"; mkdir "way/x"; symlink "${host}", "way.other";
    mkdir "end"; symlink "${host}/x", "end.other";
    mkdir "up"; mkdir "up/deep"; mkdir "up/deep/x"; symlink "../../../../../../../../..${host}", "up.other";
    my $stop = 0; $SIG{TERM} = sub { $stop = 1 }; print "ready\\n";
    my @names = map { [$_, "$_.other"] } ("way", "end", "up");
    for ($count = 0; !$stop; $count++) {
      my ($one, $other) = @{$names[$count % 3]};
      # renameat2(AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE)
      syscall(${numbers[Deno.build.arch].renameat2}, -100, $one, -100, $other, 2) == 0 or die "$!";
    }
    print "$count\\n";`;
}
