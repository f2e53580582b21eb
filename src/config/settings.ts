/** What the rest of the program knows of the configuration: valid, complete, in one form, and not to be changed. */
import { isDeepStrictEqual } from "node:util";
import type { AwsPlace } from "../aws/aws_access.ts";
import type { CapabilityName } from "../container/capabilities.ts";
import type { FinalSignal } from "../container/final_signal.ts";
import type { SeverityName } from "../log/syslog/priority.ts";
import type { ImageReference } from "../registry/reference.ts";

/** What runs on this machine: a primary configuration. */
export interface Settings {
  /** The containers, in the order of the configuration; their ids differ. */
  readonly containers: readonly ContainerSettings[];
  /** The volumes, in the order of the configuration; their paths differ. */
  readonly volumes: readonly VolumeSettings[];
  /** The machine's own system. Absent: it is not upgraded. */
  readonly kernel?: KernelSettings;
  /** Seconds between two looks for new images, without jitter. */
  readonly checkInterval: number;
  /** Seconds between two readings of the primary configuration. */
  readonly reloadInterval: number;
  /** Kernel parameters by their names, as sysctl(8) takes them. */
  readonly sysctl: Readonly<Record<string, string>>;
  /** Where the log is sent to, beside standard output. */
  readonly syslog: readonly SyslogSettings[];
}

/** A receiver of the log. */
export interface SyslogSettings {
  /** A host name or an address. */
  readonly host: string;
  readonly port: number;
  readonly transport: "udp" | "tcp" | "tls";
  /** The least important messages that it gets. */
  readonly level: SeverityName;
}

/** The machine's own system. */
export interface KernelSettings {
  /** The image that carries it. */
  readonly image: ImageReference;
  /** How its registry is asked. Absent for a public image. */
  readonly credentials?: Credentials | EcrAccess;
  /** Its kernel's command line. Absent: the running one's. */
  readonly commandLine?: string;
}

/** One container. */
export interface ContainerSettings {
  /** Its name: 1 to 63 letters, digits, "_", "." and "-", the first a letter or digit. */
  readonly id: string;
  /** The image that it is made from. */
  readonly image: ImageReference;
  /** How its registry is asked: the container's own way, or else the global one. Absent for a public image. */
  readonly credentials?: Credentials | EcrAccess;
  /** The program and its arguments, at least the program. Absent: the image's Entrypoint and Cmd. */
  readonly command?: readonly string[];
  /** The user that it runs as, 0 to 2^32 - 2. */
  readonly uid: number;
  /** The group that it runs as, 0 to 2^32 - 2. */
  readonly gid: number;
  /** Its supplementary groups. */
  readonly groups: readonly number[];
  /** The capabilities to keep, in the order of their numbers, each once. Absent: not given. */
  readonly capabilities?: readonly CapabilityName[];
  /** True if its system calls are filtered. */
  readonly seccomp: boolean;
  /** True if the root file system cannot be written to. */
  readonly readOnly: boolean;
  /** True if a small init runs as process 1, false if the program does. */
  readonly init: boolean;
  /** True if it shares the machine's pid namespace. */
  readonly hostPid: boolean;
  /** True if its environment is logged when it starts. */
  readonly logEnvironment: boolean;
  readonly limits: LimitSettings;
  readonly tmpfs: readonly TmpfsSettings[];
  readonly files: readonly FileSettings[];
  /** Bind mounts in the order of the configuration. */
  readonly mounts: readonly MountSettings[];
  /** Variables on top of the image's. Names hold neither "=" nor NUL, values no NUL. */
  readonly environment: Readonly<Record<string, string>>;
  /** Its host name. Absent: the machine's. */
  readonly hostname?: string;
  /** The signal that asks it to end. */
  readonly finalSignal: FinalSignal;
  /** True if an old instance has to end before a new one starts. */
  readonly stopBeforeStart: boolean;
  /** Seconds that it then has before it is killed. Absent: all the time it takes. */
  readonly stopTimeout?: number;
  /** Seconds that an old instance keeps running after a new one has started; 0 if it has to end before. */
  readonly stopDelay: number;
  /** Jobs that run inside it at set times. */
  readonly cron: readonly JobSettings[];
  /** True if it is not to run. */
  readonly disabled: boolean;
}

/** What an instance may use. What is absent is not limited, or not more than everything is. */
export interface LimitSettings {
  /** Open files of each process. Absent: a default. */
  readonly filedescriptors?: number;
  /** Bytes of memory, of all processes together. */
  readonly memory?: number;
  /** How many CPUs it may keep busy, from 0.01. */
  readonly cpu?: number;
  /** Processes and threads. */
  readonly pids?: number;
}

/** A job that runs inside a container. */
export interface JobSettings {
  /** When: five fields, or `@daily` and its kin; valid, and it comes round. */
  readonly schedule: string;
  /** The program and its arguments, at least the program. */
  readonly command: readonly string[];
  /** Jobs of one container that have the same never run at the same time. Absent: it only does not run beside itself. */
  readonly lock?: string;
}

/** An empty file system in memory. */
export interface TmpfsSettings {
  /** Where in the container, as for a bind mount. */
  readonly path: string;
  /** How many bytes it may hold. Absent: the kernel's default, half of the memory. */
  readonly size?: number;
}

/** A file that is put into the root file system. */
export interface FileSettings {
  /** Where in the container, as for a bind mount. */
  readonly path: string;
  /** Its text. Never to be logged. */
  readonly contents: string;
  readonly uid: number;
  readonly gid: number;
  /** Its permissions, 0 to 0o7777. */
  readonly mode: number;
}

/** A bind mount. */
export interface MountSettings {
  /** Where in the container: absolute, below "/", without ".", ".." and empty components. */
  readonly inside: string;
  /** What of the machine: absolute, may be a glob, of which every match is mounted. */
  readonly outside: string;
  /** True if the container cannot write to it. */
  readonly readOnly: boolean;
}

/** A file system that is mounted on the machine. */
export type VolumeSettings = XfsVolume | NfsVolume;

/** What volumes of every kind have. */
interface AnyVolume {
  /** Where on the machine: absolute, below "/", without ".", ".." and empty components. */
  readonly path: string;
  /** What is mounted, as the configuration names it. */
  readonly device: string;
  /** Mount options separated by commas; may be empty. */
  readonly options: string;
  /** Who owns its root. Absent: as it is. */
  readonly uid?: number;
  /** Which group owns its root. Absent: as it is. */
  readonly gid?: number;
}

/** A file system on a block device. */
export interface XfsVolume extends AnyVolume {
  readonly fstype: "xfs";
  /** Whether a device on which nothing is recognisable gets a file system. */
  readonly format: "never" | "ifBlank";
}

/** A file system of a server. */
export interface NfsVolume extends AnyVolume {
  readonly fstype: "nfs4";
}

/** What a registry wants to know of who asks. Never to be logged. */
export interface Credentials {
  readonly username: string;
  readonly password: string;
}

/** A registry of Amazon ECR, whose credentials the machine gets by itself. */
export interface EcrAccess {
  readonly type: "ecr";
  /** Absent if neither the settings nor the registry's name say it. */
  readonly region?: string;
  /** The role that gets them. Absent: whichever of the machine's may. */
  readonly machineRole?: string;
}

/** Where the primary configuration is: a meta configuration. */
export type MetaSettings = PlainMeta | SecretMeta | ParameterMeta | ObjectMeta;

/** It has a URL or a path. */
export interface PlainMeta {
  readonly type: "plain";
  /** An http or https URL, or an absolute path. */
  readonly url: string;
}

/** It is a secret in AWS Secrets Manager. */
export interface SecretMeta extends AwsPlace {
  readonly type: "aws-sm";
  /** The name or ARN of the secret. */
  readonly secretId: string;
}

/** It is a parameter in AWS Systems Manager. */
export interface ParameterMeta extends AwsPlace {
  readonly type: "aws-ssm";
  /** The name or ARN of the parameter. */
  readonly name: string;
}

/** It is an object in Amazon S3. */
export interface ObjectMeta extends AwsPlace {
  readonly type: "aws-s3";
  readonly bucket: string;
  readonly key: string;
}

/**
 * True if an instance that was started from `a` does for `b` as well, so that nothing has to be replaced. What only
 * says how an image is had, how instances take turns, and whether the container is to run at all, makes no difference.
 *
 * Jobs are run by Frontloader, and it may run others in the same instance.
 *
 * That includes the final signal: it is sent to the very program that runs, and whoever corrects it does so because that
 * program does not end on the one before. A new instance would leave the old one with the wrong signal, for ever.
 */
export function sameContainer(a: ContainerSettings, b: ContainerSettings): boolean {
  return isDeepStrictEqual(instanceOf(a), instanceOf(b));
}

function instanceOf(settings: ContainerSettings): Partial<ContainerSettings> {
  const {
    credentials: _,
    disabled: __,
    stopDelay: ___,
    logEnvironment: ____,
    finalSignal: _____,
    stopBeforeStart: ______,
    stopTimeout: _______,
    cron: ________,
    ...instance
  } = settings;
  return instance;
}
