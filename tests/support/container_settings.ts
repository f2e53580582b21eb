import type { ContainerSettings } from "../../src/config/settings.ts";
import { parseReference } from "../../src/registry/reference.ts";

/** Settings of a container for tests: defaults, and what the test cares about. */
export function containerSettings(changes: Partial<ContainerSettings> = {}): ContainerSettings {
  return {
    id: "test",
    image: parseReference("http://127.0.0.1:5000/test:latest"),
    uid: 0,
    gid: 0,
    groups: [0],
    capabilities: undefined,
    seccomp: true,
    readOnly: true,
    init: true,
    hostPid: false,
    logEnvironment: false,
    limits: {},
    tmpfs: [],
    files: [],
    mounts: [],
    environment: {},
    finalSignal: "TERM",
    stopBeforeStart: false,
    stopDelay: 0,
    cron: [],
    disabled: false,
    ...changes,
  } as ContainerSettings;
}
