/** The report, in Markdown. */
import { APPLICATION_BYTES, type LayerFacts } from "./image.ts";
import {
  bars,
  type LaunchResult,
  type PullResult,
  type Results,
  type UpgradeResult,
} from "./results.ts";
import { summarize } from "./rounds.ts";

/** What a report is made of. */
export interface ReportInput {
  readonly results: Results;
  readonly rounds: number;
  readonly layers: readonly LayerFacts[];
  readonly machine: readonly (readonly [name: string, value: string])[];
}

/** Writes the report. */
export function report(input: ReportInput): string {
  const { pull, launch, upgrade } = input.results;
  return [
    "# Performance",
    "Written by `./build.sh bench`; not to be edited by hand.",
    barsTable(input.results),
    ...pull === undefined ? [] : pullSection(pull, input.layers),
    ...launch === undefined ? [] : launchSection(launch),
    ...upgrade === undefined ? [] : upgradeSection(upgrade),
    ...imageSection(input.layers),
    ...methodSection(input.rounds),
    "## The machine",
    table(["", ""], input.machine),
    "## Again",
    "As root on Debian or Ubuntu, with 4 GB of memory to spare and nothing else running:",
    "    ./build.sh bench [--only pull|launch|upgrade] [--rounds N]",
    "The first time it makes the image from Debian's packages and keeps it under `.cache/bench`. All of it happens in " +
    "mount and pid namespaces of its own and in a tmpfs; nothing stays behind. This file is written when all parts are " +
    "measured.",
  ].join("\n\n") + "\n";
}

/** The bars as a table. */
export function barsTable(results: Results): string {
  return table(
    ["bar", "measured", "met"],
    bars(results).map(({ what, measured, met }) => [what, measured, met ? "yes" : "**no**"]),
  );
}

function pullSection(results: readonly PullResult[], layers: readonly LayerFacts[]): string[] {
  const own = median(
    results.find(({ role }) => role === "frontloader")!.usages.map(({ seconds }) => seconds),
  );
  const entries = sum(layers.map(({ entries }) => entries));
  return [
    "## Cold pull to a mounted root",
    `From the command to a root file system that can be read, with nothing of the image there before: ` +
    `${layers.length} layers, ${
      megabytes(sum(layers.map((l) => l.compressedBytes)))
    } MB compressed, ` +
    `${megabytes(sum(layers.map((l) => l.tarBytes)))} MB as tar, ${entries} entries.`,
    table(
      [
        "",
        "median, s",
        "from – to",
        "× Frontloader",
        "CPU, s",
        "peak memory, MB",
        "what is measured",
      ],
      results.map(({ name, how, usages }) => {
        const seconds = usages.map(({ seconds }) => seconds);
        return [
          name,
          median(seconds).toFixed(2),
          spread(seconds, (value) => value.toFixed(2)),
          (median(seconds) / own).toFixed(2),
          median(usages.map(({ cpuSeconds }) => cpuSeconds)).toFixed(2),
          megabytes(median(usages.map(({ peakBytes }) => peakBytes))),
          how,
        ];
      }),
    ),
  ];
}

function launchSection(results: readonly LaunchResult[]): string[] {
  return [
    "## Launch of a pulled image",
    "To the first output of `sh -c cat`, in the image of the upgrade below, with the machine's network. Frontloader is " +
    "a supervisor that is running anyway, as the daemon of containerd is, and has no command line tool to start for " +
    "a launch: its time is from the line of its log that says that the launch begins to the line of output.",
    timesTable(results),
  ];
}

function upgradeSection(results: readonly UpgradeResult[]): string[] {
  return [
    "## Upgrade when only a small top layer changed",
    `The image of the pull with one more layer, of ${
      APPLICATION_BYTES / 1000
    } kB that do not compress, which is another one in each round. From the command to the first output of the new container.`,
    timesTable(results),
    "What the registry's log says was fetched, in the last round:",
    table(
      ["", "blobs", "bytes", "changed layer and configuration only, in all rounds"],
      results.map(({ name, fetches, changedOnly }) => {
        const last = fetches.at(-1)!;
        return [
          name,
          String(last.length),
          String(sum(last.map(({ bytes }) => bytes))),
          changedOnly ? "yes" : "no",
        ];
      }),
    ),
  ];
}

function imageSection(layers: readonly LayerFacts[]): string[] {
  return [
    "## The image",
    "Made with debootstrap, apt and umoci, in gzip layers.",
    table(
      ["layer", "compressed, MB", "tar, MB", "entries"],
      [
        ...layers.map(({ what, compressedBytes, tarBytes, entries }) => [
          what,
          megabytes(compressedBytes),
          megabytes(tarBytes),
          String(entries),
        ]),
        [
          "together",
          megabytes(sum(layers.map((l) => l.compressedBytes))),
          megabytes(sum(layers.map((l) => l.tarBytes))),
          String(sum(layers.map((l) => l.entries))),
        ],
      ],
    ),
  ];
}

function methodSection(rounds: number): string[] {
  return [
    "## How it is measured",
    [
      `- Medians of ${rounds} rounds, of ${
        4 * rounds
      } for launches, after one that warms up and does not count. In each ` +
      "round all contestants take their turn, another one first each time.",
      "- In the round that warms up the root file systems of all are counted through, and have the same number of entries.",
      "- One registry, Debian's docker-registry, on loopback. Its blobs and all stores are in one tmpfs.",
      "- Frontloader is the bundle, run by Deno outside of its source tree.",
      "- Peers are as Debian packages them, with the default of everything but the places of their stores, and without " +
      "TLS. What has to run anyway runs: containerd, Frontloader's supervisor.",
      "- CPU is user and system time of all processes; peak memory is the resident memory of the largest process. Both " +
      "come from the kernel by way of GNU time, and for containerd's daemon from `/proc/PID/stat` and, reset before each " +
      "pull, `VmHWM`. The registry's share is not in them, and neither are the pages of the tmpfs.",
      "- The floor has no root file system to show, checks no digest and knows the layers beforehand: it is what gunzip " +
      "and tar cost, not a peer.",
    ].join("\n"),
  ];
}

function timesTable(results: readonly LaunchResult[]): string {
  const own = median(results.find(({ role }) => role === "frontloader")!.seconds);
  const milliseconds = (seconds: number) => (seconds * 1000).toFixed(0);
  return table(
    ["", "median, ms", "from – to", "× Frontloader", "what is measured"],
    results.map(({ name, how, seconds }) => [
      name,
      milliseconds(median(seconds)),
      spread(seconds, milliseconds),
      (median(seconds) / own).toFixed(2),
      how,
    ]),
  );
}

/** A table; "|" in a cell would end it. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

const median = (values: readonly number[]) => summarize(values).median;

const sum = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0);

const megabytes = (bytes: number) => (bytes / 1e6).toFixed(0);

function spread(values: readonly number[], format: (value: number) => string): string {
  const { min, max } = summarize(values);
  return `${format(min)} – ${format(max)}`;
}
