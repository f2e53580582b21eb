import assert from "node:assert/strict";
import type { InstanceIdentity } from "../../src/aws/instance_identity.ts";
import { MachineIdentity } from "../../src/system/machine_identity.ts";
import { CapturedLog } from "../support/captured_log.ts";
import { FakeTime } from "../support/fake_time.ts";

const identity = { instanceId: "i-1", zone: "eu-west-1a", ipv4: "10.0.0.7" };

/** A machine whose metadata service is what the test says. */
class Machine implements Disposable {
  readonly time = new FakeTime();
  readonly log = new CapturedLog();
  answer: InstanceIdentity | Error = identity;
  asked = 0;
  hostNameError: Error | undefined;
  readonly hostNames: string[] = [];
  readonly identity: MachineIdentity;

  constructor(options: { required: boolean }) {
    this.identity = new MachineIdentity({
      ask: () => {
        this.asked++;
        const { answer } = this;
        return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
      },
      setHostName: (name) => {
        if (this.hostNameError !== undefined) throw this.hostNameError;
        this.hostNames.push(name);
      },
    }, options);
  }

  [Symbol.dispose](): void {
    this.log[Symbol.dispose]();
    this.time[Symbol.dispose]();
  }
}

Deno.test("a machine is asked who it is once, and gets its host name", async () => {
  using machine = new Machine({ required: true });
  assert.deepEqual(machine.identity.environment, {});
  await machine.identity.establish();
  await machine.identity.establish();
  assert.equal(machine.asked, 1);
  assert.deepEqual(machine.hostNames, ["i-1.eu-west-1a"]);
  assert.deepEqual(machine.identity.environment, {
    FL_INSTANCE_ID: "i-1",
    FL_ZONE: "eu-west-1a",
    FL_IPV4: "10.0.0.7",
  });
});

Deno.test("an identity that is needed is waited for for ever", async () => {
  using machine = new Machine({ required: true });
  machine.answer = new Error("unreachable");
  for (let hours = 0; hours < 3; hours++) {
    await assert.rejects(machine.identity.establish(), /unreachable/);
    await machine.time.advance(3_600_000);
  }
  machine.answer = identity;
  await machine.identity.establish();
  assert.equal(machine.identity.environment["FL_ZONE"], "eu-west-1a");
});

Deno.test("one that is not needed is waited for for 30 s, and never asked for again", async () => {
  using machine = new Machine({ required: false });
  machine.answer = new Error("unreachable");
  await assert.rejects(machine.identity.establish(), /unreachable/);
  await machine.time.advance(29_999);
  await assert.rejects(machine.identity.establish(), /unreachable/);
  await machine.time.advance(1);
  await machine.identity.establish();
  assert.deepEqual(machine.log.lines("unreachable"), [
    "warning machine: Goes on without host name and FL_ variables of EC2: unreachable",
  ]);
  machine.answer = identity;
  await machine.identity.establish();
  assert.equal(machine.asked, 3);
  assert.deepEqual(
    machine.identity.environment,
    {},
    "containers would differ by when they started",
  );
});

Deno.test("a host name that cannot be set is said, and nothing else", async () => {
  using machine = new Machine({ required: true });
  machine.hostNameError = new Error("EPERM");
  await machine.identity.establish();
  assert.equal(machine.identity.environment["FL_INSTANCE_ID"], "i-1");
  assert.deepEqual(machine.log.lines("EPERM"), [
    "error   machine: Goes on under its old host name: EPERM",
  ]);
});
