/** What a reader must know of the machine to make sense of the figures. */

/** The tools whose versions matter; those that are not there are left out. */
const PACKAGES = [
  "containerd",
  "runc",
  "podman",
  "conmon",
  "crun",
  "skopeo",
  "umoci",
  // containerd prefers it to its own gunzip.
  "pigz",
  "docker-registry",
  "curl",
  "isal",
  "tar",
  "tini",
];

/** Facts of the machine by name, in the order in which they are to be shown. */
export async function machineFacts(): Promise<[name: string, value: string][]> {
  const { total } = Deno.systemMemoryInfo();
  const load = Deno.loadavg().map((load) => load.toFixed(2)).join(", ");
  return [
    ["processor", `${await processorModel()}, ${navigator.hardwareConcurrency} cores`],
    ["memory", `${(total / 2 ** 30).toFixed(1)} GiB`],
    ["system", `${await distribution()}, Linux ${Deno.osRelease()}, ${Deno.build.arch}`],
    ["load before the bench", `${load} (1, 5, 15 minutes)`],
    ["deno", `${Deno.version.deno}, V8 ${Deno.version.v8}`],
    ...await packageVersions(),
  ];
}

async function processorModel(): Promise<string> {
  const text = await Deno.readTextFile("/proc/cpuinfo");
  // arm64 has no names there, only numbers.
  return /^model name\s*: (.+)$/m.exec(text)?.[1] ?? "unknown model";
}

async function distribution(): Promise<string> {
  const text = await Deno.readTextFile("/etc/os-release");
  return /^PRETTY_NAME="?(.*?)"?$/m.exec(text)?.[1] ?? "unknown distribution";
}

async function packageVersions(): Promise<[string, string][]> {
  // Its exit status is 1 when one of them is not installed.
  const { stdout } = await new Deno.Command("dpkg-query", {
    args: ["--show", "--showformat=${db:Status-Status}\\t${Package}\\t${Version}\\n", ...PACKAGES],
    stderr: "null",
  }).output();
  const versions = new Map(
    new TextDecoder().decode(stdout).split("\n").map((line) => line.split("\t"))
      .filter(([status]) => status === "installed")
      .map(([, name, version]) => [name!, version!]),
  );
  return PACKAGES.flatMap((name): [string, string][] =>
    versions.has(name) ? [[name, versions.get(name)!]] : []
  );
}
