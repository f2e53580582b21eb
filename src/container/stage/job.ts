/**
 * A job's stage: a short-lived process of Frontloader's own that enters the namespaces of a container that runs, and turns
 * itself into an init whose child is the job. Like the container's own stage (`stage.ts`) it makes synchronous calls only.
 *
 * What the container must not get hold of is this process: until it has let go of everything it has the capabilities of the
 * machine, and its program is the machine's (CVE-2016-9962, CVE-2019-5736). Therefore it never is in the container's pid
 * namespace: setns(2) changes that for its children alone. Nothing in the container can name it, whether by a pid, by /proc
 * or to ptrace(2), not even with CAP_SYS_PTRACE, against which a mere PR_SET_DUMPABLE is no help. The first process in there
 * is forked by tini, from a sealed copy in memory, with the container's own credentials, filter and root. A container with
 * `hostPid` sees the processes of the machine, this one too; from it this one is kept by being not dumpable and, until it has
 * dropped them, by capabilities that the container has not (ptrace(2), "Ptrace access mode checking").
 */
import { setDumpable } from "../../../ffi/credentials.ts";
import { changeOwner, close, sealedMemfd } from "../../../ffi/descriptors.ts";
import { CloneFlag, NAMESPACES, setns, unshare } from "../../../ffi/namespaces.ts";
import { closeOnExecFrom, resetSignals } from "../../../ffi/process.ts";
import { JobDescriptor, type JobSpec, StageDescriptor } from "../launch_spec.ts";
import { enterCgroup } from "./cgroup.ts";
import { runFace } from "./face.ts";
import { assumeIdentity } from "./identity.ts";
import { becomeInit, sayReady } from "./init.ts";

/**
 * Runs a job's stage: reads a {@linkcode JobSpec} from descriptor 0 and becomes that job.
 *
 * @returns only on failure, after the reason was written to the status pipe: the exit status
 */
export function runJob(): number {
  setDumpable(false);
  return runFace(becomeJob);
}

function becomeJob(spec: JobSpec): never {
  enterCgroup(spec.cgroup);
  // Everything of the machine that is needed later is opened while the machine's root is still the root.
  const init = sealedMemfd("init", Deno.readFileSync(spec.init));
  resetSignals();
  closeOnExecFrom(StageDescriptor.STATUS);
  enterNamespaces();
  // The spent pipe stays: it is at its end at once. The container's /dev/null may have become something else, even a FIFO
  // that nobody writes to, and the machine's is not for root in there to change the mode of.
  changeOwner(StageDescriptor.SPEC, spec.uid, spec.gid);
  const program = assumeIdentity(spec);
  sayReady();
  // TERM, whatever ends the container's own program: the job is another program.
  becomeInit(spec, { init, program, finalSignal: "TERM", isSubreaper: true });
}

/** Root and current directory are the container's after this (setns(2)), so that nothing of the machine is in reach. */
function enterNamespaces(): void {
  // The runtime's threads share root and current directory; with a mount namespace of their own they must not.
  unshare(CloneFlag.FS);
  NAMESPACES.forEach(({ flag }, index) => {
    const fd = JobDescriptor.FIRST_NAMESPACE + index;
    setns(fd, flag);
    close(fd);
  });
}
