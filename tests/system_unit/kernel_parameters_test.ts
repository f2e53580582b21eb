import assert from "node:assert/strict";
import { Errno, SyscallError } from "../../ffi/errno.ts";
import {
  KernelParameters,
  type ParameterFiles,
  parameterPath,
} from "../../src/system/kernel_parameters.ts";

/** Notes what is written, and refuses what it is told to. */
class RecordingFiles implements ParameterFiles {
  readonly writes: string[] = [];
  readonly refused = new Map<string, Error>();

  write(path: string, value: string): void {
    const error = this.refused.get(path);
    if (error !== undefined) throw error;
    this.writes.push(`${path}=${value}`);
  }
}

const paths: readonly [name: string, path: string][] = [
  ["net.core.somaxconn", "net/core/somaxconn"],
  ["net/core/somaxconn", "net/core/somaxconn"],
  ["net.ipv4.conf.eth0/1.forwarding", "net/ipv4/conf/eth0.1/forwarding"],
  ["net/ipv4/conf/eth0.1/forwarding", "net/ipv4/conf/eth0.1/forwarding"],
];

for (const [name, path] of paths) {
  Deno.test(`the kernel parameter ${name} is the file ${path}`, () => {
    assert.equal(parameterPath(name), path);
  });
}

Deno.test("each kernel parameter is set by one write, in the order of the configuration", () => {
  const files = new RecordingFiles();
  const problems = new KernelParameters(files).apply({
    "vm.swappiness": "10",
    "kernel.domainname": "",
  });
  assert.deepEqual(files.writes, ["vm/swappiness=10\n", "kernel/domainname=\n"]);
  assert.deepEqual(problems, []);
});

Deno.test("only kernel parameters that changed are set again, and those that are gone keep what they have", () => {
  const files = new RecordingFiles();
  const parameters = new KernelParameters(files);
  parameters.apply({ "a.same": "1", "a.changed": "1", "a.gone": "1" });
  files.writes.length = 0;
  parameters.apply({ "a.same": "1", "a.changed": "2", "a.new": "1" });
  assert.deepEqual(files.writes, ["a/changed=2\n", "a/new=1\n"]);
});

Deno.test("a kernel parameter that cannot be set is told of, keeps no other from being set, and is tried again", () => {
  const files = new RecordingFiles();
  for (const [path, errno] of [["a/missing", Errno.ENOENT], ["a/refused", Errno.EINVAL]] as const) {
    files.refused.set(path, new SyscallError({ syscall: "write", action: "write it", errno }));
  }
  const parameters = new KernelParameters(files);
  const wanted = { "a.missing": "1", "a.refused": "1", "a.good": "1" };
  assert.deepEqual(parameters.apply(wanted), [
    'Cannot set the kernel parameter "a.missing": this machine\'s kernel has none of that name',
    'Cannot set the kernel parameter "a.refused": Cannot write it: EINVAL',
  ]);
  assert.deepEqual(files.writes, ["a/good=1\n"]);
  files.refused.clear();
  assert.deepEqual(parameters.apply(wanted), []);
  assert.deepEqual(files.writes, ["a/good=1\n", "a/missing=1\n", "a/refused=1\n"]);
});
