/** `aws/ami.sh`, against a recorded aws CLI: which calls it makes, in which order, and what it makes of the answers. */
import assert from "node:assert/strict";
import { TemporaryDirectory } from "../support/temporary_directory.ts";

const SCRIPT = new URL("../../aws/ami.sh", import.meta.url).pathname;
const FAKE = new URL("../support/fake_aws.sh", import.meta.url).pathname;
/** Debian's package awscli, 2.9: not the newest, so that the calls are such as older installations know. */
const REAL_AWS = "/usr/bin/aws";

/** A call of the CLI as its arguments in one line, and what it answers. */
type Call = readonly [call: string, answer?: string];

interface Result {
  readonly success: boolean;
  readonly stdout: string;
  readonly stderr: string;
  /** Calls that were not expected. */
  readonly unexpected: string;
  /** How many of the expected ones were made. */
  readonly made: number;
  /** What is on the device in the end. */
  readonly device: string;
}

/** Runs the script with a disk that reads "disk", and a device that is attached as /dev/sdf. */
async function run(args: readonly string[], calls: readonly Call[]): Promise<Result> {
  using directory = new TemporaryDirectory();
  const { path } = directory;
  for (const name of ["bin", "calls", "devices"]) Deno.mkdirSync(`${path}/${name}`);
  Deno.symlinkSync(FAKE, `${path}/bin/aws`);
  Deno.writeTextFileSync(`${path}/calls/done`, "0");
  calls.forEach(([call, answer = ""], index) => {
    Deno.writeTextFileSync(`${path}/calls/${index + 1}.call`, call);
    Deno.writeTextFileSync(`${path}/calls/${index + 1}.answer`, answer);
  });
  Deno.writeTextFileSync(`${path}/disk.img`, "disk");
  Deno.writeTextFileSync(`${path}/devices/sdf`, "what was there");
  const { success, stdout, stderr } = await new Deno.Command(SCRIPT, {
    args: [...args, "--disk", "disk.img"],
    cwd: path,
    env: {
      PATH: `${path}/bin:${Deno.env.get("PATH")}`,
      FAKE_AWS: `${path}/calls`,
      AMI_DEVICES: `${path}/devices`,
      AMI_PAUSE: "0",
      AMI_PATIENCE: "3",
    },
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return {
    success,
    stdout: text(stdout),
    stderr: text(stderr),
    unexpected: readIfThere(`${path}/calls/unexpected`),
    made: Number(Deno.readTextFileSync(`${path}/calls/done`)),
    device: Deno.readTextFileSync(`${path}/devices/sdf`),
  };
}

function readIfThere(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return "";
  }
}

const END = "--region eu-west-1 --output text";
const imageState = (image: string, region = "eu-west-1") =>
  `ec2 describe-images --image-ids ${image} --query Images[0].State --region ${region} --output text`;
const importState = "ec2 describe-import-snapshot-tasks --import-task-ids import-1 --query " +
  `ImportSnapshotTasks[0].SnapshotTaskDetail.[Status,SnapshotId,StatusMessage] ${END}`;

const IMPORT: readonly Call[] = [
  ["s3 cp disk.img s3://images/frontloader-fl-1.img --region eu-west-1 --only-show-errors"],
  [
    "ec2 import-snapshot --description fl-1 --disk-container " +
    `Format=RAW,UserBucket={S3Bucket=images,S3Key=frontloader-fl-1.img} --query ImportTaskId ${END}`,
    "import-1\n",
  ],
  [importState, "active\tNone\tpending\n"],
  [importState, "completed\tsnap-1\tNone\n"],
  ["s3 rm s3://images/frontloader-fl-1.img --region eu-west-1 --only-show-errors"],
  [
    "ec2 register-image --name fl-1 --architecture x86_64 --virtualization-type hvm --ena-support " +
    "--boot-mode uefi-preferred --imds-support v2.0 --root-device-name /dev/xvda --block-device-mappings " +
    "DeviceName=/dev/xvda,Ebs={SnapshotId=snap-1,VolumeType=gp3,DeleteOnTermination=true} " +
    `--query ImageId ${END}`,
    "ami-1\n",
  ],
  [imageState("ami-1"), "pending\n"],
  [imageState("ami-1"), "available\n"],
  [
    "ec2 copy-image --source-image-id ami-1 --source-region eu-west-1 --name fl-1 --query ImageId " +
    "--region us-east-1 --output text",
    "ami-2\n",
  ],
  [imageState("ami-2", "us-east-1"), "available\n"],
];
const IMPORT_ARGUMENTS = ["import", "--name", "fl-1", "--bucket", "images"];
const REGION = ["--region", "eu-west-1"];

const volumeCall = (what: string) => `ec2 ${what} ${END}`;
const detach: readonly Call[] = [
  [volumeCall("detach-volume --volume-id vol-1"), "detaching\n"],
  [volumeCall("wait volume-available --volume-ids vol-1")],
];
const attach = (instance: string, device: string): readonly Call[] => [
  [
    volumeCall(`attach-volume --volume-id vol-1 --instance-id ${instance} --device ${device}`),
    "attaching\n",
  ],
  [volumeCall("wait volume-in-use --volume-ids vol-1")],
];
const WRITE: readonly Call[] = [
  [
    "ec2 describe-instances --instance-ids i-target --query " +
    `Reservations[0].Instances[0].[RootDeviceName,BlockDeviceMappings[0].Ebs.VolumeId] ${END}`,
    "/dev/xvda\tvol-1\n",
  ],
  [volumeCall("stop-instances --instance-ids i-target"), "stopping\n"],
  [volumeCall("wait instance-stopped --instance-ids i-target")],
  [volumeCall("modify-instance-attribute --instance-id i-target --ena-support")],
  ...detach,
  ...attach("i-self", "/dev/sdf"),
  ...detach,
  ...attach("i-target", "/dev/xvda"),
  [volumeCall("create-image --instance-id i-target --name fl-1 --query ImageId"), "ami-3\n"],
  [imageState("ami-3"), "available\n"],
  [volumeCall("modify-image-attribute --image-id ami-3 --imds-support v2.0")],
];
const WRITE_ARGUMENTS = ["write", "--name", "fl-1", "--target", "i-target", "--self", "i-self"];

Deno.test("import uploads, imports, registers for IMDSv2 alone, and copies", async () => {
  const result = await run([...IMPORT_ARGUMENTS, ...REGION, "--copy-to", "us-east-1"], IMPORT);
  assert.equal(result.unexpected, "");
  assert.equal(result.made, IMPORT.length);
  assert.equal(result.stdout, "eu-west-1 ami-1\nus-east-1 ami-2\n");
  assert(result.success);
});

Deno.test("the region is that of the CLI's configuration, unless one is given", async () => {
  const result = await run(IMPORT_ARGUMENTS, [
    ["configure get region", "eu-west-1\n"],
    ...IMPORT.slice(0, 8),
  ]);
  assert.equal(result.unexpected, "");
  assert.equal(result.stdout, "eu-west-1 ami-1\n");
});

Deno.test("an image for arm64 can start by UEFI alone", async () => {
  const result = await run([...IMPORT_ARGUMENTS, ...REGION, "--arch", "arm64"], IMPORT.slice(0, 5));
  assert.match(
    result.unexpected,
    /^call 6 is: aws ec2 register-image .*--architecture arm64 .*--boot-mode uefi /,
  );
});

Deno.test("an import that fails says why, and nothing is registered", async () => {
  const failed: Call = [importState, "deleted\tNone\tClientError: Disk validation failed\n"];
  const result = await run([...IMPORT_ARGUMENTS, ...REGION], [...IMPORT.slice(0, 2), failed]);
  assert(!result.success);
  assert.match(
    result.stderr,
    /the import import-1 is deleted: ClientError: Disk validation failed/,
  );
  assert.equal(result.unexpected, "");
});

Deno.test("an import that does not end is given up", async () => {
  const active: Call = [importState, "active\tNone\tpending\n"];
  const result = await run([...IMPORT_ARGUMENTS, ...REGION], [
    ...IMPORT.slice(0, 2),
    active,
    active,
    active,
  ]);
  assert(!result.success);
  assert.match(result.stderr, /the import import-1 is still not completed/);
});

Deno.test("write puts the disk over the root volume of a stopped instance, and makes an image of that", async () => {
  const result = await run([...WRITE_ARGUMENTS, ...REGION], WRITE);
  assert.equal(result.unexpected, "");
  assert.equal(result.made, WRITE.length);
  assert.equal(result.stdout, "eu-west-1 ami-3\n");
  assert.equal(result.device, "disk");
});

Deno.test("write refuses the machine that it runs on", async () => {
  const result = await run(
    ["write", "--name", "x", "--target", "i-1", "--self", "i-1", ...REGION],
    [],
  );
  assert(!result.success);
  assert.match(result.stderr, /i-1 is this machine/);
  assert.equal(result.unexpected, "");
});

Deno.test("a call that fails ends everything: what comes after it is not done", async () => {
  for (let made = 0; made < WRITE.length; made++) {
    const result = await run([...WRITE_ARGUMENTS, ...REGION], WRITE.slice(0, made));
    assert(!result.success);
    assert.equal(result.unexpected.trim().split("\n").length, 1, result.unexpected);
  }
});

Deno.test("the real CLI knows every call and every option", async () => {
  const calls = new Set(
    [...IMPORT, ...WRITE].map(([call]) => call).filter((call) => call.startsWith("ec2 ")),
  );
  for (const call of calls) {
    // Debian's CLI is older than this option.
    if (call.includes("modify-image-attribute")) continue;
    // It checks what it is told, and asks nobody.
    const waits = call.startsWith("ec2 wait");
    const { success, stderr } = await new Deno.Command(REAL_AWS, {
      args: [...call.split(" "), ...waits ? [] : ["--generate-cli-skeleton", "output"]],
      env: { AWS_EC2_METADATA_DISABLED: "true", HOME: "/nonexistent" },
      clearEnv: true,
    }).output();
    const text = new TextDecoder().decode(stderr);
    // For waiters there is no such option; without credentials they get as far as this.
    assert(success || (waits && text.includes("Unable to locate credentials")), `${call}: ${text}`);
  }
});
