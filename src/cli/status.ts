import { parseArgs } from "node:util";
import type { ContainerStatus, StatusError } from "../container/container_driver.ts";
import type { JobStatus } from "../container/cron/job_runs.ts";
import { ControlClient } from "../control/client.ts";
import { escapeControls } from "../log/escape_controls.ts";
import type { SupervisorStatus } from "../supervisor/supervisor.ts";
import type { KernelStatus } from "../system/upgrade/kernel_driver.ts";
import { formatBytes } from "../volumes/format_bytes.ts";
import type { VolumeStatus } from "../volumes/volume_driver.ts";
import { controlSocketOf, runDirectoryPath } from "../system/run_directory.ts";

/**
 * `frontloader status [--json]`: asks the running Frontloader what runs, since when, from which digest.
 *
 * @returns the exit status
 */
export async function status(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({ args: [...args], options: { json: { type: "boolean" } } });
  using client = new ControlClient(controlSocketOf(runDirectoryPath()));
  const status = await client.status();
  console.log(values.json ? JSON.stringify(status, null, 2) : formatStatus(status, new Date()));
  return 0;
}

/**
 * Formats a status for a person.
 *
 * @param now what ages are counted from
 */
export function formatStatus(
  { version, pid, since, configuration, volumes, containers, kernel }: SupervisorStatus,
  now: Date,
): string {
  return [
    `frontloader ${version}, pid ${pid}, up ${age(since, now)}`,
    ...kernel === undefined ? [] : formatKernel(kernel, now),
    ...formatConfiguration(configuration, now),
    ...volumes.flatMap((volume) => formatVolume(volume, now)),
    ...containers.flatMap((container) => formatContainer(container, now)),
  ].join("\n");
}

function formatKernel({ commit, state, next, lastError }: KernelStatus, now: Date): string[] {
  return [
    `system: commit ${commit}${state === "idle" ? "" : `, ${state}`}${next ? ` ${next}` : ""}`,
    ...lastError === undefined
      ? []
      : [`  last error, ${age(lastError.at, now)} ago: ${indented(lastError.message)}`],
  ];
}

function formatConfiguration(
  { source, digest, appliedAt, readAt, lastError, problems }: SupervisorStatus["configuration"],
  now: Date,
): string[] {
  return [
    `configuration: ${source}`,
    appliedAt === undefined || readAt === undefined
      ? "  not applied yet"
      : `  applied ${age(appliedAt, now)} ago, read ${age(readAt, now)} ago: ${digest}`,
    ...lastError === undefined ? [] : [
      `  the newest is not in force, ${age(lastError.at, now)} ago: ${indented(lastError.message)}`,
    ],
    ...problems.map((problem) => `  ${indented(problem)}`),
  ];
}

function formatVolume(
  { path, state, device, source, fstype, size, used, failures, lastError }: VolumeStatus,
  now: Date,
): string[] {
  const what = source === undefined || source === device ? device : `${device} (${source})`;
  const usage = size === undefined || used === undefined
    ? ""
    : `, ${formatBytes(used)} of ${formatBytes(size)} used`;
  return [
    `volume ${path}: ${state}${formatFailures(failures)}`,
    `  ${fstype} on ${what}${usage}`,
    ...formatLastError(lastError, now),
  ];
}

function formatContainer(
  { id, state, instances, failures, jobs, lastError }: ContainerStatus,
  now: Date,
): string[] {
  return [
    `${id}: ${state}${formatFailures(failures)}`,
    ...instances.map(({ pid, image, digest, since, state }) =>
      `  ${state}${pid === undefined ? "" : `, pid ${pid}`}${
        since === undefined ? "" : `, up ${age(since, now)}`
      }: ${image} ${digest}`
    ),
    ...jobs.map((job) => `  ${formatJob(job, now)}`),
    ...formatLastError(lastError, now),
  ];
}

function formatFailures(failures: number): string {
  return failures === 0 ? "" : `, ${failures} failures in a row`;
}

function formatLastError(lastError: StatusError | undefined, now: Date): string[] {
  return lastError === undefined
    ? []
    : [`  last error, ${age(lastError.at, now)} ago: ${indented(lastError.message)}`];
}

function formatJob({ name, schedule, next, runningSince, last }: JobStatus, now: Date): string {
  const parts = [
    ...runningSince === undefined ? [] : [`running for ${age(runningSince, now)}`],
    ...next === undefined ? [] : [`next at ${next}`],
    ...last === undefined ? [] : [`last ${age(last.at, now)} ago: ${indented(last.result)}`],
  ];
  return `${name}, ${schedule}: ${parts.join(", ")}`;
}

/** The time since `from`, in its largest unit that is not zero and the next smaller one: `3 d 4 h`. */
function age(from: string, now: Date): string {
  let rest = Math.max(0, Math.floor((now.getTime() - Date.parse(from)) / 1000));
  const units: [string, number][] = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const parts = units.map(([name, seconds]) => {
    const count = Math.floor(rest / seconds);
    rest -= count * seconds;
    return { name, count };
  });
  const first = Math.max(0, parts.findIndex(({ count }) => count > 0));
  const start = parts.some(({ count }) => count > 0) ? first : parts.length - 1;
  return parts.slice(start, start + 2).map(({ name, count }) => `${count} ${name}`).join(" ");
}

/** An error's text may have several lines, and words of an image in it. */
function indented(text: string): string {
  return text.split("\n").map(escapeControls).join("\n    ");
}
