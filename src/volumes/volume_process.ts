import { errorOfChain, runSelfChild } from "../system/self_child.ts";
import { within } from "../system/within.ts";
import { NoDeviceError } from "./no_device_error.ts";
import {
  VOLUME_CHILD_COMMAND,
  type VolumeMessage,
  type VolumeTask,
  type VolumeTaskResults,
} from "./task.ts";

/** What {@linkcode runVolumeTask} may be told besides what to do. */
export interface VolumeTaskOptions {
  /** Ends the process, as soon as it is in a place where it can be ended. */
  readonly signal?: AbortSignal;
  /** So long the process is waited for, in milliseconds; then it is ended as soon as it can be, and not waited for. */
  readonly patience?: number;
  /** Called with what is worth a line in the log. */
  readonly onNote?: (note: string) => void;
}

/**
 * Does something with a file system in a process of its own, since it may hang there.
 *
 * @throws {NoDeviceError} if all that is missing is the device
 * @throws {Error} with the child's own reasons, or how it ended if it gave none, or that the patience has run out
 */
export async function runVolumeTask<T extends VolumeTask>(
  task: T,
  { signal, patience, onNote }: VolumeTaskOptions = {},
): Promise<VolumeTaskResults[T["task"]]> {
  const results: Exclude<VolumeMessage, { note: string }>[] = [];
  const impatience = new AbortController();
  const ended = runSelfChild<VolumeMessage>({
    face: VOLUME_CHILD_COMMAND,
    request: task,
    signal: AbortSignal.any([impatience.signal, ...signal === undefined ? [] : [signal]]),
    onMessage(message) {
      if ("note" in message) onNote?.(message.note);
      else results.push(message);
    },
  });
  const how = patience === undefined ? await ended : await within(patience, ended, () => {
    impatience.abort();
    return new Error(`Cannot ${task.task}: no answer within ${patience / 1000} s`);
  });
  const [result] = results;
  if (result === undefined) {
    throw new Error(`Cannot ${task.task}: the process ended without a result: ${how}`);
  }
  if ("failed" in result) {
    const error = errorOfChain(result.failed, `Cannot ${task.task}: no reason was given`);
    throw result.noDevice ? new NoDeviceError(error.message, { cause: error.cause }) : error;
  }
  return result.done as VolumeTaskResults[T["task"]];
}
