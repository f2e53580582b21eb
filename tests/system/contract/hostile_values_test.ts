/** Configurations and images whose values are odd, huge or hostile: they work, or the start fails and says why. Needs root. */
import assert from "node:assert/strict";
import { ConfiguredContainers, type Launch } from "../../support/configured_containers.ts";

const containers = await ConfiguredContainers.create("busybox");
Deno.test.afterAll(() => containers[Symbol.dispose]());

/** As long as the name of a file can be. */
const LONG = "x".repeat(255);

/** What works, odd as it looks. */
interface OddRow {
  readonly what: string;
  readonly command: readonly string[];
  readonly launch?: Launch;
  readonly output: string;
}

const odd: readonly OddRow[] = [
  {
    what: "arguments",
    command: ["printf", "%s|", "", " ", "a\nb", "'\"$HOME`id`\\", "ü😀", "--"],
    output: "| |a\nb|'\"$HOME`id`\\|ü😀|--|",
  },
  {
    what: "names of variables",
    command: ["env"],
    launch: {
      settings: {
        environment: JSON.parse('{ "__proto__": "p", "constructor": "c", "a b\\n": "d" }'),
      },
      image: { env: ["toString=t", "=nameless", "PATH=/bin"] },
    },
    output: "PATH=/bin\nLANG=C.UTF-8\nTMPDIR=/tmp\nTZ=UTC\nHOME=/root\ntoString=t\n=nameless\n" +
      "__proto__=p\nconstructor=c\na b\n=d",
  },
  {
    what: "names of files",
    command: [
      "cat",
      `/etc/${LONG}/${LONG}/f`,
      "/etc/a:b,c=d e\\f\ng",
      "/etc/__proto__",
      "/process",
    ],
    launch: {
      settings: {
        files: JSON.parse(
          `{ "/etc/${LONG}/${LONG}/f": "1", "/etc/a:b,c=d e\\\\f\\ng": "2", "/etc/__proto__": "3", "/process": "4" }`,
        ),
      },
    },
    output: "1234",
  },
  {
    what: "paths of file systems in memory",
    command: ["sh", "-c", "cd '/srv/a,size=1:b \\c' && touch x && ls"],
    launch: { settings: { tmpfs: [{ path: "/srv/a,size=1:b \\c", size: 16384 }] } },
    output: "x",
  },
  {
    what: "working directories",
    command: ["readlink", "/proc/self/cwd"],
    launch: { image: { workingDir: "relative/../it's here, \\ and" } },
    output: "/it's here, \\ and",
  },
  {
    what: "working directories above the root",
    command: ["readlink", "/proc/self/cwd"],
    launch: { image: { workingDir: "/../.." } },
    output: "/",
  },
  {
    what: "mounts of the whole machine",
    command: [
      "sh",
      "-c",
      "ls -d /machine/proc/1; touch /machine/tmp/x 2>/dev/null || echo read-only",
    ],
    launch: { settings: { mounts: { "/machine": "/:ro" } } },
    output: "/machine/proc/1\nread-only",
  },
];

for (const { what, command, launch, output } of odd) {
  Deno.test(`odd ${what} are what they are`, async () => {
    assert.equal((await containers.output(command, launch)).join("\n"), output);
  });
}

/** What cannot be. */
interface RefusedRow {
  readonly what: string;
  readonly launch: Launch;
  readonly message: RegExp;
}

const mounts = (mounts: Readonly<Record<string, string>>): Launch => ({ settings: { mounts } });

const workingDirectory = (workingDir: string): Launch => ({ image: { workingDir } });

const refused: readonly RefusedRow[] = [
  {
    what: "an argument of the image's with a NUL",
    launch: { settings: { command: undefined }, image: { cmd: ["/bin/echo", "a\0b"] } },
    message: /Cannot pass ".*" to libc: it holds a NUL/,
  },
  {
    what: "a variable of the image's with a NUL",
    launch: { image: { env: ["A=a\0b"] } },
    message: /Cannot pass ".*" to libc: it holds a NUL/,
  },
  {
    what: "an environment that is too large for the kernel",
    launch: {
      settings: {
        environment: Object.fromEntries(
          Array.from({ length: 40 }, (_, index) => [`A${index}`, "x".repeat(100_000)]),
        ),
      },
    },
    message: /Cannot run ".*": E2BIG/,
  },
  {
    what: "a working directory with a NUL",
    launch: workingDirectory("/a\0b"),
    message: /Cannot pass ".*" to libc: it holds a NUL/,
  },
  {
    what: "a working directory with a component that is too long",
    launch: workingDirectory(`/${LONG}x`),
    message: /ENAMETOOLONG/,
  },
  {
    what: "a working directory that is too long",
    launch: workingDirectory(`/${LONG}`.repeat(20)),
    message: /ENAMETOOLONG/,
  },
  {
    what: "a working directory that is a file",
    launch: workingDirectory("/bin/busybox"),
    message: /Cannot change to the working directory "\/bin\/busybox"/,
  },
  {
    what: "a file in the place of a mount's directory",
    launch: mounts({ "/bin/busybox": "/etc" }),
    message:
      /Cannot mount "\/etc" of the machine on "\/bin\/busybox" of the container\nCannot mount a directory on "\/bin\/busybox": it is none/,
  },
  {
    what: "a directory in the place of a mount's file",
    launch: mounts({ "/etc": "/etc/hostname" }),
    message: /Cannot mount a file on "\/etc": it is a directory/,
  },
  {
    what: "a destination beyond a file",
    launch: mounts({ "/bin/busybox/x": "/etc" }),
    message: /"\/bin\/busybox\/x" of the container\n.*ENOTDIR/,
  },
  {
    what: "a destination that is missing in what is mounted read-only",
    launch: mounts({ "/etc/frontloader-no-such": "/etc/hostname", "/etc": "/etc:ro" }),
    message: /"\/etc\/frontloader-no-such" of the container\n.*EROFS/,
  },
  {
    what: "a tmpfs in the place of a file",
    launch: { settings: { tmpfs: ["/bin/busybox"] } },
    message: /Cannot mount a directory on "\/bin\/busybox": it is none/,
  },
];

for (const { what, launch, message } of refused) {
  Deno.test(`${what} is an error that says so, and nothing is left`, async () => {
    await assert.rejects(containers.run(["true"], launch), (error: Error) => {
      const texts = [];
      for (let one: unknown = error; one instanceof Error; one = one.cause) texts.push(one.message);
      assert.match(texts.join("\n"), message);
      return true;
    });
    assert.deepEqual(containers.instances, []);
  });
}
