/** Brings a valid configuration into the one form that the rest of the program knows. */
import { CAPABILITIES, parseCapability } from "../container/capabilities.ts";
import { ecrRegion } from "../registry/ecr_host.ts";
import { type ImageReference, parseReference } from "../registry/reference.ts";
import type { Meta } from "./meta_definition.ts";
import type { Primary } from "./primary_definition.ts";
import type {
  ContainerSettings,
  FileSettings,
  JobSettings,
  KernelSettings,
  LimitSettings,
  MetaSettings,
  MountSettings,
  Settings,
  SyslogSettings,
  TmpfsSettings,
  VolumeSettings,
} from "./settings.ts";

type Container = NonNullable<Primary["container"]>;
type SyslogTarget = NonNullable<Primary["syslog"]>[number];

/** The id of a container that is alone and has none. */
const ONLY_ID = "container";

/** @param primary a valid primary configuration */
export function toSettings(primary: Primary): Settings {
  const { container, containers = [], volumes = [], sysctl = {}, syslog = [] } = primary;
  const { kernel, docker, checkInterval, reloadInterval } = primary;
  const all = container === undefined ? containers : [container];
  return {
    containers: all.map((one) => toContainerSettings(one, docker)),
    volumes: volumes.map(toVolume),
    ...kernel !== undefined && { kernel: toKernel(kernel, docker) },
    checkInterval,
    reloadInterval,
    syslog: syslog.map(toSyslogSettings),
    sysctl,
  };
}

/** @param meta a valid meta configuration */
export function toMetaSettings(meta: Meta): MetaSettings {
  const { $schema: _, ...settings } = meta;
  return settings;
}

function toKernel(
  { manifest, cmdline, docker }: NonNullable<Primary["kernel"]>,
  globalCredentials: Primary["docker"],
): KernelSettings {
  const image = parseReference(manifest);
  const credentials = credentialsOf(docker, globalCredentials, image);
  return {
    image,
    ...credentials !== undefined && { credentials },
    ...cmdline !== undefined && { commandLine: cmdline },
  };
}

function toVolume(volume: NonNullable<Primary["volumes"]>[number]): VolumeSettings {
  const { fstype, format, options = "", path, device, uid, gid } = volume;
  const common = {
    path,
    device,
    options,
    ...uid !== undefined && { uid },
    ...gid !== undefined && { gid },
  };
  // What there is to format is in the hands of the server.
  return fstype === "xfs" ? { ...common, fstype, format } : { ...common, fstype };
}

function toContainerSettings(
  container: Container,
  globalCredentials: Container["docker"],
): ContainerSettings {
  const { id = ONLY_ID, uid, gid, groups = [gid], hostname, stopDelay, disabled } = container;
  const { seccomp, readOnly, init, hostPid, logEnvironment, tmpfs = [], files = {} } = container;
  const { cron = [], finalSignal, limits = {}, stopBeforeStart, stopTimeout } = container;
  const image = parseReference(container.manifest);
  const credentials = credentialsOf(container.docker, globalCredentials, image);
  const command = toCommand(container.command);
  const capabilities = toCapabilities(container.capabilities);
  return {
    id,
    image,
    ...(credentials !== undefined && { credentials }),
    ...(command !== undefined && { command }),
    uid,
    gid,
    groups,
    ...(capabilities !== undefined && { capabilities }),
    seccomp,
    readOnly,
    init,
    hostPid,
    logEnvironment,
    limits: toLimits(limits),
    tmpfs: tmpfs.map(toTmpfs),
    files: Object.entries(files).map(([path, file]) => toFile(path, file)),
    mounts: Object.entries(container.mounts).map(([inside, outside]) => toMount(inside, outside)),
    environment: Object.fromEntries(
      Object.entries(container.environment).map(([name, value]) => [name, toText(value)]),
    ),
    ...(hostname !== undefined && { hostname }),
    finalSignal,
    stopBeforeStart,
    ...(stopTimeout !== undefined && { stopTimeout }),
    stopDelay,
    cron: cron.map(toJob),
    disabled,
  };
}

/** RFC 5426 and RFC 5425 have ports; for TCP without TLS the one of UDP is customary (RFC 6587, section 3). */
function toSyslogSettings(
  { host, tls, transport = tls ? "tcp" : "udp", port = tls ? 6514 : 514, level }: SyslogTarget,
): SyslogSettings {
  return { host, port, transport: tls ? "tls" : transport, level };
}

/** An image's own credentials, or else the global ones. */
function credentialsOf(
  own: Container["docker"],
  global: Container["docker"],
  image: ImageReference,
): ContainerSettings["credentials"] {
  return own === undefined ? toGlobalCredentials(global, image) : toCredentials(own, image);
}

function toCredentials(
  docker: NonNullable<Container["docker"]>,
  { origin }: ImageReference,
): ContainerSettings["credentials"] {
  if (docker.type === "ecr") {
    const { type, region = ecrRegion(origin), machineRole } = docker;
    return {
      type,
      ...region !== undefined && { region },
      ...machineRole !== undefined && { machineRole },
    };
  }
  if (docker.username === undefined || docker.password === undefined) return undefined;
  return { username: docker.username, password: docker.password };
}

/** A token of Amazon's is for Amazon's registries: next to them public images of others are as common. */
function toGlobalCredentials(
  docker: Container["docker"],
  image: ImageReference,
): ContainerSettings["credentials"] {
  if (docker === undefined) return undefined;
  const isOthers = docker.type === "ecr" && docker.region === undefined &&
    ecrRegion(image.origin) === undefined;
  return isOthers ? undefined : toCredentials(docker, image);
}

const READ_ONLY = ":ro";

function toMount(inside: string, text: string): MountSettings {
  const readOnly = text.endsWith(READ_ONLY);
  return { inside, outside: readOnly ? text.slice(0, -READ_ONLY.length) : text, readOnly };
}

function toTmpfs(tmpfs: NonNullable<Container["tmpfs"]>[number]): TmpfsSettings {
  if (typeof tmpfs === "string") return { path: tmpfs };
  const { path, size } = tmpfs;
  return { path, ...size !== undefined && { size: toBytes(size) } };
}

function toLimits({ memory, ...limits }: NonNullable<Container["limits"]>): LimitSettings {
  return { ...limits, ...memory !== undefined && { memory: toBytes(memory) } };
}

const UNITS = { K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };

/** @param size bytes, or a text such as `512M` */
function toBytes(size: number | string): number {
  if (typeof size === "number") return size;
  return Number(size.slice(0, -1)) * UNITS[size.slice(-1) as keyof typeof UNITS];
}

function toFile(path: string, file: NonNullable<Container["files"]>[string]): FileSettings {
  if (typeof file === "string") return { path, contents: file, uid: 0, gid: 0, mode: 0o644 };
  return { path, ...file, mode: parseInt(file.mode, 8) };
}

function toJob({ schedule, command, lock }: NonNullable<Container["cron"]>[number]): JobSettings {
  return { schedule, command: toArguments(command), ...lock !== undefined && { lock } };
}

function toCommand(command: Container["command"]): ContainerSettings["command"] {
  return command === undefined ? undefined : toArguments(command);
}

function toArguments(command: NonNullable<Container["command"]>): readonly string[] {
  return typeof command === "string" ? ["/bin/sh", "-c", command] : command;
}

function toCapabilities(names: Container["capabilities"]): ContainerSettings["capabilities"] {
  if (names === undefined) return undefined;
  const canonical = new Set(names.map(parseCapability));
  return [...canonical].sort((a, b) => CAPABILITIES[a] - CAPABILITIES[b]);
}

function toText(value: Container["environment"][string]): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
