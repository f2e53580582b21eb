import assert from "node:assert/strict";
import type { ContainerSettings } from "../../src/config/settings.ts";
import {
  advance,
  type ContainerEffect,
  type ContainerEvent,
  type ContainerState,
  initialState,
  isGone,
} from "../../src/container/lifecycle.ts";
import type { PulledImage } from "../../src/image/pull_image.ts";
import type { Digest } from "../../src/registry/digest.ts";
import { containerSettings } from "../support/container_settings.ts";

const web = containerSettings({ id: "web" });
const webWithDelay = containerSettings({ id: "web", stopDelay: 5 });
const exclusive = containerSettings({ id: "web", stopBeforeStart: true });
const impatient = containerSettings({ id: "web", stopBeforeStart: true, stopTimeout: 9 });

function digest(name: string): Digest {
  return `sha256:${name.repeat(64).slice(0, 64)}`;
}

function image(name: string): PulledImage {
  return {
    reference: web.image,
    digest: digest(name),
    layers: [],
    config: { env: [], entrypoint: [], cmd: [], workingDir: "", user: "" },
  } as unknown as PulledImage;
}

/** Events by short names, so that a row of the table reads as a story. */
const events = {
  configure: { type: "configured", settings: web },
  configureWithDelay: { type: "configured", settings: webWithDelay },
  configureAgain: {
    type: "configured",
    settings: { ...web, credentials: { username: "u", password: "p" } },
  },
  configureOtherwise: { type: "configured", settings: containerSettings({ id: "web", uid: 7 }) },
  configureExclusive: { type: "configured", settings: exclusive },
  configureImpatient: { type: "configured", settings: impatient },
  configureExclusiveOtherwise: { type: "configured", settings: { ...exclusive, uid: 7 } },
  configureImpatientOtherwise: { type: "configured", settings: { ...impatient, uid: 7 } },
  remove: { type: "configured", settings: undefined },
  foundA: { type: "digestFound", digest: digest("a") },
  foundB: { type: "digestFound", digest: digest("b") },
  foundC: { type: "digestFound", digest: digest("c") },
  update: { type: "updateAsked" },
  pulledA: { type: "pulled", image: image("a") },
  pulledB: { type: "pulled", image: image("b") },
  pullFails: { type: "pullFailed" },
  retryPull: { type: "retryPullDue" },
  restart: { type: "restartDue" },
  settled: { type: "settled" },
  kill: { type: "killDue" },
  started1: { type: "started", instance: 1 },
  started2: { type: "started", instance: 2 },
  started3: { type: "started", instance: 3 },
  started4: { type: "started", instance: 4 },
  startFails1: { type: "startFailed", instance: 1 },
  startFails2: { type: "startFailed", instance: 2 },
  startFails3: { type: "startFailed", instance: 3 },
  exits1: { type: "exited", instance: 1, healthy: false },
  exits1Healthy: { type: "exited", instance: 1, healthy: true },
  exits2: { type: "exited", instance: 2, healthy: false },
  exits3: { type: "exited", instance: 3, healthy: false },
} as const satisfies Record<string, ContainerEvent>;

type EventName = keyof typeof events;

/** Runs a story; returns the last state and the effects of the last event. */
function play(
  story: readonly EventName[],
): { state: ContainerState; effects: readonly ContainerEffect[] } {
  let state = initialState;
  let effects: readonly ContainerEffect[] = [];
  for (const name of story) ({ state, effects } = advance(state, events[name]));
  return { state, effects };
}

function describeEffect(effect: ContainerEffect): string {
  switch (effect.type) {
    case "start":
      return `start ${effect.instance} ${effect.release.image.digest[7]}`;
    case "terminate":
    case "kill":
      return `${effect.type} ${effect.instance}`;
    case "retryPullLater":
      return `retryPullLater ${effect.failures}${effect.interrupts ? " interrupting" : ""}`;
    case "restartLater":
      return `restartLater ${effect.failures}`;
    case "settleLater":
    case "killLater":
      return `${effect.type} ${effect.seconds}`;
    default:
      return effect.type;
  }
}

interface Row {
  readonly name: string;
  readonly story: readonly EventName[];
  /** Serving, upgrade and leaving afterwards. */
  readonly state: string;
  /** What the last event asked for. */
  readonly effects: readonly string[];
}

const running: readonly EventName[] = ["configure", "pulledA", "started1"];
const upgrading: readonly EventName[] = [...running, "foundB"];
const settling: readonly EventName[] = [
  "configureWithDelay",
  "pulledA",
  "started1",
  "foundB",
  "pulledB",
  "started2",
];

// With `stopBeforeStart`.
const alone: readonly EventName[] = ["configureExclusive", "pulledA", "started1"];
const replacing: readonly EventName[] = [...alone, "foundB", "pulledB"];
const aloneImpatient: readonly EventName[] = ["configureImpatient", "pulledA", "started1"];
const replacingImpatient: readonly EventName[] = [...aloneImpatient, "foundB", "pulledB"];

const rows: readonly Row[] = [
  {
    name: "a new container is pulled",
    story: ["configure"],
    state: "none/pulling/",
    effects: ["pull"],
  },
  {
    name: "a pulled image is started",
    story: ["configure", "pulledA"],
    state: "none/starting/",
    effects: ["start 1 a"],
  },
  { name: "a started container runs", story: running, state: "running/none/", effects: [] },
  {
    name: "a first pull that fails is retried later",
    story: ["configure", "pullFails"],
    state: "none/waiting/",
    effects: ["retryPullLater 1"],
  },
  {
    name: "failed pulls are counted",
    story: ["configure", "pullFails", "retryPull", "pullFails"],
    state: "none/waiting/",
    effects: ["retryPullLater 2"],
  },
  {
    name: "a first start that fails is retried with a new pull",
    story: ["configure", "pulledA", "startFails1", "retryPull"],
    state: "none/pulling/",
    effects: ["pull"],
  },
  {
    name: "a container that ends is started again later, from the same image",
    story: [...running, "exits1", "restart"],
    state: "starting/none/",
    effects: ["start 2 a"],
  },
  {
    name: "a container that was started again runs",
    story: [...running, "exits1", "restart", "started2"],
    state: "running/none/",
    effects: [],
  },
  {
    name: "crashes are counted",
    story: [...running, "exits1", "restart", "started2", "exits2"],
    state: "waiting/none/",
    effects: ["restartLater 2"],
  },
  {
    name: "an instance that ran long starts the count anew",
    story: [...running, "exits1Healthy"],
    state: "waiting/none/",
    effects: ["restartLater 1"],
  },
  {
    name: "a restart that fails is tried again",
    story: [...running, "exits1", "restart", "startFails2"],
    state: "waiting/none/",
    effects: ["restartLater 2"],
  },
  {
    name: "the same digest changes nothing",
    story: [...running, "foundA"],
    state: "running/none/",
    effects: [],
  },
  {
    name: "a new digest is pulled beside what runs",
    story: upgrading,
    state: "running/pulling/",
    effects: ["pull"],
  },
  {
    name: "a new image is started beside what runs",
    story: [...upgrading, "pulledB"],
    state: "running/starting/",
    effects: ["start 2 b"],
  },
  {
    name: "the old instance gets TERM once the new one runs",
    story: [...upgrading, "pulledB", "started2"],
    state: "running/none/1",
    effects: ["terminate 1"],
  },
  {
    name: "an old instance that has ended is forgotten",
    story: [...upgrading, "pulledB", "started2", "exits1"],
    state: "running/none/",
    effects: [],
  },
  {
    name: "a failed pull of an upgrade leaves the old instance running",
    story: [...upgrading, "pullFails"],
    state: "running/waiting/",
    effects: ["retryPullLater 1"],
  },
  {
    name: "a failed start of an upgrade leaves the old instance running",
    story: [...upgrading, "pulledB", "startFails2"],
    state: "running/waiting/",
    effects: ["retryPullLater 1"],
  },
  {
    name: "an old instance that ends while the new image is pulled is started again",
    story: [...upgrading, "exits1", "restart"],
    state: "starting/pulling/",
    effects: ["start 2 a"],
  },
  {
    name: "a container that crashes again and again takes the new image as soon as it runs",
    story: [...upgrading, "exits1", "pulledB", "started2"],
    state: "running/none/",
    effects: ["cancelRestart"],
  },
  {
    name: "a restart under way is called off when the new image runs first",
    story: [...upgrading, "exits1", "restart", "pulledB", "started3"],
    state: "running/none/2",
    effects: ["terminate 2"],
  },
  {
    name: "an image that turns out to be the one that runs is not started",
    story: [...upgrading, "pulledA"],
    state: "running/none/",
    effects: [],
  },
  {
    name: "a second new digest does not disturb a pull under way",
    story: [...upgrading, "foundC"],
    state: "running/pulling/",
    effects: [],
  },
  {
    name: "a second new digest does not disturb a start under way",
    story: [...upgrading, "pulledB", "foundC"],
    state: "running/starting/",
    effects: [],
  },
  {
    name: "a digest that a pull under way was too early for is pulled once its release runs",
    story: [...upgrading, "foundC", "pulledB", "started2"],
    state: "running/pulling/1",
    effects: ["terminate 1", "pull"],
  },
  {
    name: "a digest that came while the new image was started is pulled once it runs",
    story: [...upgrading, "pulledB", "foundC", "started2"],
    state: "running/pulling/1",
    effects: ["terminate 1", "pull"],
  },
  {
    name: "a digest that a pull under way has brought is not pulled again",
    story: [...upgrading, "foundB", "pulledB", "started2"],
    state: "running/none/1",
    effects: ["terminate 1"],
  },
  {
    name: "of several digests that came the last one counts",
    story: [...upgrading, "foundC", "foundB", "pulledB", "started2"],
    state: "running/none/1",
    effects: ["terminate 1"],
  },
  {
    name: "a digest that came while the image that runs was pulled again is pulled",
    story: [...upgrading, "foundC", "pulledA"],
    state: "running/pulling/",
    effects: ["pull"],
  },
  {
    name: "a digest that came while an image was started that fails is pulled at once",
    story: [...upgrading, "pulledB", "foundC", "startFails2"],
    state: "running/pulling/",
    effects: ["pull"],
  },
  {
    name: "a digest that came within the stop delay is pulled at once if the new instance ends",
    story: [...settling, "foundC", "exits2"],
    state: "running/pulling/",
    effects: ["cancelSettle", "pull"],
  },
  {
    name:
      "a digest that came while an image was started alone that fails is pulled beside the old one",
    story: [...replacing, "exits1", "foundC", "startFails2"],
    state: "starting/pulling/",
    effects: ["pull", "start 3 a"],
  },
  {
    name:
      "an image that could not be started has its back-off, though it was found again meanwhile",
    story: [...upgrading, "pulledB", "foundB", "startFails2"],
    state: "running/waiting/",
    effects: ["retryPullLater 1"],
  },
  {
    name: "a digest that came while a pull failed comes with the next try",
    story: [...upgrading, "foundC", "pullFails"],
    state: "running/waiting/",
    effects: ["retryPullLater 1"],
  },
  {
    name: "a digest that came in an upgrade that failed is not pulled after the next one",
    story: [...upgrading, "foundA", "pullFails", "retryPull", "pulledB", "started2"],
    state: "running/none/1",
    effects: ["terminate 1"],
  },
  {
    name: "a digest that came under other settings is not pulled after these",
    story: [...upgrading, "foundC", "configureOtherwise", "pulledB", "started2"],
    state: "running/none/1",
    effects: ["terminate 1"],
  },
  {
    name: "a digest that came while the first image was pulled is pulled once that runs",
    story: ["configure", "foundB", "pulledA", "started1"],
    state: "running/pulling/",
    effects: ["pull"],
  },
  {
    name: "a digest that came before a removal is forgotten",
    story: [...upgrading, "foundC", "remove"],
    state: "none/none/1",
    effects: ["cancelPull", "terminate 1"],
  },
  {
    name: "a digest that came while the old instance leaves is pulled once the new one runs",
    story: [...replacing, "foundC", "exits1", "started2"],
    state: "running/pulling/",
    effects: ["pull"],
  },
  {
    name: "update does not wait for the back-off",
    story: [...upgrading, "pullFails", "update"],
    state: "running/pulling/",
    effects: ["cancelRetryPull", "pull"],
  },
  {
    name: "update leaves a healthy container alone",
    story: [...running, "update"],
    state: "running/none/",
    effects: [],
  },
  {
    name: "other credentials do not replace what runs",
    story: [...running, "configureAgain"],
    state: "running/none/",
    effects: [],
  },
  {
    name: "other credentials do not wait for the back-off of a pull that failed",
    story: ["configure", "pullFails", "configureAgain"],
    state: "none/pulling/",
    effects: ["cancelRetryPull", "pull"],
  },
  {
    name: "the same settings leave the back-off of a pull that failed alone",
    story: ["configure", "pullFails", "configure"],
    state: "none/waiting/",
    effects: [],
  },
  {
    name: "another stop delay alone does not replace what runs",
    story: [...running, "configureWithDelay"],
    state: "running/none/",
    effects: [],
  },
  {
    name: "other settings replace what runs",
    story: [...running, "configureOtherwise"],
    state: "running/pulling/",
    effects: ["pull"],
  },
  {
    name: "other settings start a new instance even of the same image",
    story: [...running, "configureOtherwise", "pulledA"],
    state: "running/starting/",
    effects: ["start 2 a"],
  },
  {
    name: "settings that change back are what runs",
    story: [...running, "configureOtherwise", "configure", "pulledA"],
    state: "running/none/",
    effects: [],
  },
  {
    name: "other settings call off a pull under way",
    story: [...upgrading, "configureOtherwise"],
    state: "running/pulling/",
    effects: ["cancelPull", "pull"],
  },
  {
    name: "other settings call off a start under way",
    story: [...upgrading, "pulledB", "configureOtherwise"],
    state: "running/pulling/2",
    effects: ["terminate 2", "pull"],
  },
  {
    name: "with a stop delay both instances run side by side",
    story: settling,
    state: "running/settling/",
    effects: ["settleLater 5"],
  },
  {
    name: "after the stop delay the old instance gets TERM",
    story: [...settling, "settled"],
    state: "running/none/1",
    effects: ["terminate 1"],
  },
  {
    name: "a new instance that ends within the stop delay leaves the old one running",
    story: [...settling, "exits2"],
    state: "running/waiting/",
    effects: ["cancelSettle", "retryPullLater 1"],
  },
  {
    name: "other settings within the stop delay end the new instance and leave the old one running",
    story: [...settling, "configureOtherwise"],
    state: "running/pulling/2",
    effects: ["cancelSettle", "terminate 2", "pull"],
  },
  {
    name: "a new digest within the stop delay waits for its end",
    story: [...settling, "foundA"],
    state: "running/settling/",
    effects: [],
  },
  {
    name: "a tag that moves back within the stop delay is pulled after it",
    story: [...settling, "foundA", "settled"],
    state: "running/pulling/1",
    effects: ["terminate 1", "pull"],
  },
  {
    name: "an old instance that ends within the stop delay is not started again",
    story: [...settling, "exits1"],
    state: "running/none/",
    effects: ["cancelSettle"],
  },
  {
    name: "a first instance has no stop delay to wait for",
    story: ["configureWithDelay", "pulledA", "started1"],
    state: "running/none/",
    effects: [],
  },
  {
    name: "a removed container gets TERM",
    story: [...running, "remove"],
    state: "none/none/1",
    effects: ["terminate 1"],
  },
  {
    name: "removal calls off a pull",
    story: ["configure", "remove"],
    state: "none/none/",
    effects: ["cancelPull"],
  },
  {
    name: "removal calls off the first start",
    story: ["configure", "pulledA", "remove"],
    state: "none/none/1",
    effects: ["terminate 1"],
  },
  {
    name: "removal within the stop delay ends both instances",
    story: [...settling, "remove"],
    state: "none/none/2,1",
    effects: ["cancelSettle", "terminate 2", "terminate 1"],
  },
  {
    name: "removal during back-off starts nothing",
    story: [...running, "exits1", "remove"],
    state: "none/none/",
    effects: ["cancelRestart"],
  },
  {
    name: "an instance that was called off and could not be started is forgotten",
    story: ["configure", "pulledA", "remove", "startFails1"],
    state: "none/none/",
    effects: [],
  },
  {
    name: "a start that was called off does not serve when it succeeds after all",
    story: ["configure", "pulledA", "remove", "started1"],
    state: "none/none/1",
    effects: [],
  },
  {
    name: "a container that is configured again while its old instance leaves starts anew",
    story: [...running, "remove", "configure", "pulledA"],
    state: "none/starting/1",
    effects: ["start 2 a"],
  },
  {
    name: "a start that was called off does not take over from the one that is wanted",
    story: ["configure", "pulledA", "remove", "configure", "pulledA", "started1"],
    state: "none/starting/1",
    effects: [],
  },
  {
    name: "a digest means nothing to a removed container",
    story: ["foundA"],
    state: "none/none/",
    effects: [],
  },
  {
    name: "a late timer means nothing",
    story: [...running, "restart"],
    state: "running/none/",
    effects: [],
  },
  {
    name: "a late retry means nothing",
    story: [...running, "retryPull"],
    state: "running/none/",
    effects: [],
  },
  {
    name: "a late settling means nothing",
    story: [...running, "settled"],
    state: "running/none/",
    effects: [],
  },
  {
    name: "a late pull means nothing",
    story: [...running, "pulledB"],
    state: "running/none/",
    effects: [],
  },
  {
    name: "one that runs alone keeps running while the next image is pulled",
    story: [...alone, "foundB"],
    state: "running/pulling/",
    effects: ["pull"],
  },
  {
    name: "one that runs alone is told to end once the next image is there",
    story: replacing,
    state: "standby/held/1",
    effects: ["terminate 1"],
  },
  {
    name: "once the old instance has ended the new one is started",
    story: [...replacing, "exits1"],
    state: "standby/starting/",
    effects: ["start 2 b"],
  },
  {
    name: "a new instance that runs after the old one has ended takes over",
    story: [...replacing, "exits1", "started2"],
    state: "running/none/",
    effects: [],
  },
  {
    name:
      "a new instance that cannot be started after the old one has ended brings the old one back",
    story: [...replacing, "exits1", "startFails2"],
    state: "starting/waiting/",
    effects: ["retryPullLater 1 interrupting", "start 3 a"],
  },
  {
    name: "an old instance that was brought back runs, and the new one is tried again later",
    story: [...replacing, "exits1", "startFails2", "started3"],
    state: "running/waiting/",
    effects: [],
  },
  {
    name: "an old instance that was brought back has to end again for the next try",
    story: [...replacing, "exits1", "startFails2", "started3", "retryPull", "pulledB"],
    state: "standby/held/3",
    effects: ["terminate 3"],
  },
  {
    name: "an old instance that is still being brought back is called off for the next try",
    story: [...replacing, "exits1", "startFails2", "update", "pulledB"],
    state: "standby/held/3",
    effects: ["terminate 3"],
  },
  {
    name: "an old instance that cannot be brought back is tried again later",
    story: [...replacing, "exits1", "startFails2", "startFails3"],
    state: "waiting/waiting/",
    effects: ["restartLater 1"],
  },
  {
    name: "a first start that fails interrupts nothing, also where instances run alone",
    story: ["configureExclusive", "pulledA", "startFails1"],
    state: "none/waiting/",
    effects: ["retryPullLater 1"],
  },
  {
    name: "without a stop timeout nothing is ever killed",
    story: [...replacing, "kill"],
    state: "standby/held/1",
    effects: [],
  },
  {
    name: "with a stop timeout the old instance has so long to end",
    story: replacingImpatient,
    state: "standby/held/1",
    effects: ["terminate 1", "killLater 9"],
  },
  {
    name: "an old instance that takes longer than the stop timeout is killed",
    story: [...replacingImpatient, "kill"],
    state: "standby/held/1",
    effects: ["kill 1"],
  },
  {
    name: "an old instance that was killed makes room like any other",
    story: [...replacingImpatient, "kill", "exits1"],
    state: "standby/starting/",
    effects: ["start 2 b", "cancelKill"],
  },
  {
    name: "an old instance that ends in time is not killed",
    story: [...replacingImpatient, "exits1", "kill"],
    state: "standby/starting/",
    effects: [],
  },
  {
    name: "a stop timeout that is set while an old instance does not end runs from then on",
    story: [...replacing, "configureImpatient"],
    state: "standby/held/1",
    effects: ["killLater 9"],
  },
  {
    name: "a stop timeout that is taken back kills nobody",
    story: [...replacingImpatient, "configureExclusive"],
    state: "standby/held/1",
    effects: ["cancelKill"],
  },
  {
    name: "whoever no longer has to wait for the old instance starts at once",
    story: [...replacingImpatient, "configure"],
    state: "starting/starting/1",
    effects: ["start 2 b", "start 3 a", "cancelKill"],
  },
  {
    name: "removal has no stop timeout",
    story: [...aloneImpatient, "remove", "kill"],
    state: "none/none/1",
    effects: [],
  },
  {
    name: "removal while the old instance leaves calls off the new one, and kills nobody",
    story: [...replacingImpatient, "remove"],
    state: "none/none/1",
    effects: ["cancelKill"],
  },
  {
    name: "a container that is configured again waits for its old instance if it runs alone",
    story: [...alone, "remove", "configureExclusive", "pulledA"],
    state: "none/held/1",
    effects: [],
  },
  {
    name: "a container that is configured again has the whole stop timeout to end first",
    story: [...aloneImpatient, "remove", "configureImpatient", "pulledA"],
    state: "none/held/1",
    effects: ["killLater 9"],
  },
  {
    name: "a container that is configured again starts once its old instance has ended",
    story: [...alone, "remove", "configureExclusive", "pulledA", "exits1"],
    state: "none/starting/",
    effects: ["start 2 a"],
  },
  {
    name: "a crash is restarted later, also where instances run alone",
    story: [...alone, "exits1", "restart"],
    state: "starting/none/",
    effects: ["start 2 a"],
  },
  {
    name: "a restart that falls due while the new instance starts is not started beside it",
    story: [...alone, "foundB", "exits1", "pulledB", "restart"],
    state: "standby/starting/",
    effects: [],
  },
  {
    name: "a restart that was not started beside the new instance is made up for if that fails",
    story: [...alone, "foundB", "exits1", "pulledB", "restart", "startFails2"],
    state: "starting/waiting/",
    effects: ["retryPullLater 1 interrupting", "start 3 a"],
  },
  {
    name: "other settings while the old instance leaves pull anew, and bring it back meanwhile",
    story: [...replacing, "configureExclusiveOtherwise", "exits1"],
    state: "starting/pulling/",
    effects: ["start 2 a"],
  },
  {
    name: "other settings while the new instance starts bring the old one back once that has ended",
    story: [...replacing, "exits1", "configureExclusiveOtherwise", "exits2"],
    state: "starting/pulling/",
    effects: ["start 3 a"],
  },
  {
    name: "whoever is told to end while another is waited for has the whole stop timeout",
    story: [...replacingImpatient, "exits1", "configureImpatientOtherwise"],
    state: "standby/pulling/2",
    effects: ["terminate 2", "pull", "killLater 9"],
  },
  {
    name: "whoever is told to end beside others that are waited for has as much time as they had",
    story: [
      ...[...upgrading, "pulledB", "started2", "exits2", "foundA", "pulledA"] as const,
      ...["configureImpatient", "restart", "configureImpatientOtherwise"] as const,
    ],
    state: "standby/pulling/1,3",
    effects: ["terminate 3", "pull", "killLater 9"],
  },
  {
    name: "one that shall run alone from now on keeps running",
    story: [...running, "configureExclusive"],
    state: "running/none/",
    effects: [],
  },
];

for (const { name, story, state, effects } of rows) {
  Deno.test(name, () => {
    const result = play(story);
    const { serving, upgrade, leaving } = result.state;
    assert.equal(`${serving.tag}/${upgrade.tag}/${leaving.join(",")}`, state);
    assert.deepEqual(result.effects.map(describeEffect), effects);
  });
}

Deno.test("a container is gone when it is not wanted and all its instances have ended", () => {
  assert.equal(isGone(play([...running, "remove"]).state), false);
  assert.equal(isGone(play([...running, "remove", "exits1"]).state), true);
  assert.equal(isGone(play(running).state), false);
});

Deno.test("what is started again is started with the newest settings", () => {
  const newer = { ...web, finalSignal: "QUIT", stopDelay: 3 } as const;
  const { state } = advance(play([...running, "exits1"]).state, {
    type: "configured",
    settings: newer,
  });
  const [effect] = advance(state, events.restart).effects;
  assert(effect?.type === "start");
  assert.deepEqual(effect.release.settings, newer);
});

Deno.test("no story makes two instances serve, loses one, terminates one twice, or starts one too early", () => {
  // A random walk over what the driver could report, with an account of every instance that was started.
  let seed = 42;
  const random = (n: number) => (seed = (seed * 1103515245 + 12345) % 2 ** 31) % n;
  const anything = [web, webWithDelay, exclusive, impatient, undefined];
  const onlyPatient = [exclusive, { ...exclusive, uid: 7 }, undefined];
  const onlyExclusive = [...onlyPatient, impatient, { ...impatient, uid: 7 }];
  const kinds: (ContainerSettings | undefined)[][] = [anything, onlyPatient, onlyExclusive];
  for (let walk = 0; walk < 900; walk++) {
    const settings = kinds[walk % kinds.length]!;
    let state = initialState;
    const alive = new Set<number>();
    const terminated = new Set<number>();
    let pulling = false;
    let found: Digest | undefined;
    for (let step = 0; step < 60; step++) {
      const someone = [...alive][random(Math.max(1, alive.size))];
      const choices: ContainerEvent[] = [
        { type: "configured", settings: settings[random(settings.length)] },
        { type: "digestFound", digest: digest("abc"[random(3)]!) },
        { type: "updateAsked" },
        { type: "retryPullDue" },
        { type: "restartDue" },
        { type: "settled" },
        { type: "killDue" },
      ];
      if (pulling) {
        choices.push({ type: "pulled", image: image("abc"[random(3)]!) }, { type: "pullFailed" });
      }
      if (someone !== undefined) {
        choices.push(
          { type: "started", instance: someone },
          { type: "exited", instance: someone, healthy: random(2) === 0 },
        );
      }
      const event = choices[random(choices.length)]!;
      if (event.type === "exited") alive.delete(event.instance);
      if (event.type === "pulled" || event.type === "pullFailed") pulling = false;
      if (event.type === "digestFound") found = event.digest;
      const transition = advance(state, event);
      state = transition.state;
      for (const effect of transition.effects) {
        if (effect.type === "pull") [pulling, found] = [true, undefined];
        if (effect.type === "cancelPull") pulling = false;
        if (effect.type === "start") {
          const isAlone = alive.size === 0 || !state.wanted?.stopBeforeStart;
          assert(isAlone, `instance ${effect.instance} is started beside ${[...alive]}`);
          alive.add(effect.instance);
        }
        if (effect.type === "kill") {
          assert(state.wanted?.stopTimeout !== undefined, `instance ${effect.instance} is killed`);
          assert(terminated.has(effect.instance), `instance ${effect.instance} was not asked`);
        }
        if (effect.type === "terminate") {
          assert(!terminated.has(effect.instance), `instance ${effect.instance} gets TERM twice`);
          terminated.add(effect.instance);
        }
      }
      const { serving, upgrade, leaving } = state;
      const known = [
        ...serving.tag === "running" || serving.tag === "starting" ? [serving.instance] : [],
        ...upgrade.tag === "settling" || upgrade.tag === "starting" ? [upgrade.instance] : [],
        ...leaving,
      ];
      assert.deepEqual(known.toSorted((a, b) => a - b), [...alive].toSorted((a, b) => a - b));
      for (const instance of leaving) assert(terminated.has(instance));
      assert.equal(upgrade.tag === "pulling", pulling);
      // Whoever waits for room is not forgotten once there is some.
      const waits = upgrade.tag === "held" || serving.tag === "standby";
      assert(!waits || (alive.size > 0 && state.wanted?.stopBeforeStart));
      // What the registry has is served, or about to be asked for again.
      if (state.wanted === undefined) found = undefined;
      const isIn = serving.tag !== "none" && serving.release.image.digest === found;
      assert(upgrade.tag !== "none" || found === undefined || isIn);
      // Where nothing runs, something is about to be tried.
      const isIdle = serving.tag === "none" && upgrade.tag === "none";
      assert.equal(isIdle, state.wanted === undefined);
    }
  }
});
