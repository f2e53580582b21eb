/** Brings a valid configuration into the one form that the rest of the program knows. */
import { CAPABILITIES, parseCapability } from "../container/capabilities.ts";
import { parseReference } from "../registry/reference.ts";
import type { Meta } from "./meta_definition.ts";
import type { Primary } from "./primary_definition.ts";
import type { ContainerSettings, Credentials, MetaSettings, Settings } from "./settings.ts";

type Container = NonNullable<Primary["container"]>;

/** The id of a container that is alone and has none. */
const ONLY_ID = "container";

/** @param primary a valid primary configuration */
export function toSettings(primary: Primary): Settings {
  const { container, containers = [], docker, checkInterval, reloadInterval } = primary;
  const all = container === undefined ? containers : [container];
  return {
    containers: all.map((one) => toContainerSettings(one, docker)),
    checkInterval,
    reloadInterval,
  };
}

/** @param meta a valid meta configuration */
export function toMetaSettings(meta: Meta): MetaSettings {
  if (meta.type !== "plain") {
    throw new TypeError(`Cannot use a meta configuration of type ${meta.type}: not supported yet`);
  }
  return { type: meta.type, url: meta.url };
}

function toContainerSettings(
  container: Container,
  globalCredentials: Container["docker"],
): ContainerSettings {
  const { id = ONLY_ID, uid, gid, groups = [gid], hostname, stopDelay, disabled, seccomp } =
    container;
  const credentials = toCredentials(container.docker ?? globalCredentials);
  const command = toCommand(container.command);
  const capabilities = toCapabilities(container.capabilities);
  return {
    id,
    image: parseReference(container.manifest),
    ...(credentials !== undefined && { credentials }),
    ...(command !== undefined && { command }),
    uid,
    gid,
    groups,
    ...(capabilities !== undefined && { capabilities }),
    seccomp,
    mounts: Object.entries(container.mounts).map(([inside, outside]) => ({ inside, outside })),
    environment: Object.fromEntries(
      Object.entries(container.environment).map(([name, value]) => [name, toText(value)]),
    ),
    ...(hostname !== undefined && { hostname }),
    stopDelay,
    disabled,
  };
}

function toCredentials(docker: Container["docker"]): Credentials | undefined {
  if (docker?.username === undefined || docker.password === undefined) return undefined;
  return { username: docker.username, password: docker.password };
}

function toCommand(command: Container["command"]): ContainerSettings["command"] {
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
