/**
 * Every source of the configuration, and everything that can be wrong with it, one row a case: metadata server and AWS are on
 * loopback, the SDK's clients are the real ones.
 */
import assert from "node:assert/strict";
import { AwsAccess } from "../../../src/aws/aws_access.ts";
import { InstanceMetadata } from "../../../src/aws/instance_metadata.ts";
import { RoleCredentials } from "../../../src/aws/role_credentials.ts";
import { loadPrimary } from "../../../src/config/source/load_primary.ts";
import { primarySource } from "../../../src/config/source/primary_source.ts";
import { errorChain } from "../../../src/log/error_chain.ts";
import { AwsServer } from "../../support/aws_server.ts";
import { freePort } from "../../support/free_port.ts";
import { eventually } from "../../support/frontloader.ts";
import { MetadataServer } from "../../support/metadata_server.ts";

/** How long servers may be silent where one is, in milliseconds. */
const SHORT_TIMEOUT = 1_000;
const GOOD = '{"checkInterval": 77}';
const META = {
  "aws-sm": { type: "aws-sm", secretId: "shop/fl", region: "eu-west-1" },
  "aws-ssm": { type: "aws-ssm", name: "/shop/fl", region: "eu-west-1" },
  "aws-s3": { type: "aws-s3", bucket: "shop-config", key: "a b/fl.jsonc", region: "eu-west-1" },
} as const;
type AwsType = keyof typeof META;

/** A web server whose answers a test chooses. */
class WebServer implements AsyncDisposable {
  answer: (url: URL, request: Request) => Response | Promise<Response> = () =>
    new Response(null, { status: 404 });
  readonly #abort = new AbortController();
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor(port = 0) {
    const { signal } = this.#abort;
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port, signal, onListen() {} },
      (request) => this.answer(new URL(request.url), request),
    );
  }

  get origin(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
    await this.#server.finished;
  }
}

/** An EC2 instance, AWS, and a web server. */
class World implements AsyncDisposable {
  readonly metadata = new MetadataServer();
  readonly aws = new AwsServer(this.metadata.roles);
  readonly web = new WebServer();
  environment: Record<string, string> = {};
  /** How long servers may be silent, and a request to AWS may take with all its tries, in milliseconds. */
  timeout = 30_000;
  #source: ReturnType<typeof primarySource>["source"] | undefined;

  constructor() {
    // Where the SDK looks for it, too.
    Deno.env.set("AWS_ENDPOINT_URL", this.aws.endpoint);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    Deno.env.delete("AWS_ENDPOINT_URL");
    await this.metadata[Symbol.asyncDispose]();
    await this.aws[Symbol.asyncDispose]();
    await this.web[Symbol.asyncDispose]();
  }

  /** Makes the user data a meta configuration of this type, with its value and a role that may read it. */
  useAws(type: AwsType, value: string | undefined = GOOD, changes: object = {}): void {
    this.useUserData(JSON.stringify({ ...META[type], ...changes }));
    if (this.metadata.roles.size === 0) this.metadata.addRole("web");
    if (value === undefined) return;
    this.aws.secrets.set("shop/fl", value);
    this.aws.parameters.set("/shop/fl", value);
    this.aws.objects.set("shop-config/a b/fl.jsonc", value);
  }

  useUserData(text: string): void {
    this.environment["FL_ENV"] = "ec2";
    this.metadata.contents.set("user-data", text);
  }

  /** Makes the user data name a configuration on the web server. */
  useWeb(answer: WebServer["answer"]): void {
    this.useUserData(JSON.stringify({ url: `${this.web.origin}/fl?key=hunter2` }));
    this.web.answer = answer;
  }

  /** Loads the configuration, as a reload does: the source is the same every time. */
  async load(): Promise<number> {
    this.#source ??= this.#makeSource();
    const { settings } = await loadPrimary(this.#source);
    return settings.checkInterval;
  }

  #makeSource() {
    const { environment } = this;
    const { endpoint } = this.metadata;
    const { timeout } = this;
    const metadata = new InstanceMetadata({ endpoint, timeout });
    const aws = new AwsAccess(new RoleCredentials(metadata), environment, { timeout });
    const services = { metadata, aws, stallTimeout: timeout };
    return primarySource(undefined, environment, services).source;
  }
}

/** What a case arranges; what loading then fails with, if it does; what is changed then, so that it works. */
interface Row {
  readonly name: string;
  readonly arrange: (world: World) => void;
  /** A part of the message; absent if it is loaded at once. */
  readonly fails?: string | RegExp;
  /** After this the same source works. */
  readonly mend?: (world: World) => void;
  /** Looks at what was asked for. */
  readonly verify?: (world: World) => void;
}

const text = (body: string, init?: ResponseInit) => () => new Response(body, init);

const rows: readonly Row[] = [
  // User data, by the metadata service
  { name: "user data: a plain meta configuration", arrange: (w) => w.useWeb(text(GOOD)) },
  {
    name: "user data: a token is got once, for all",
    arrange: (w) => w.useAws("aws-sm"),
    verify: ({ metadata }) =>
      assert.deepEqual(metadata.requests, [
        "PUT /latest/api/token 200",
        "GET /latest/user-data 200",
        "GET /latest/meta-data/iam/security-credentials/ 200",
        "GET /latest/meta-data/iam/security-credentials/web 200",
      ]),
  },
  {
    name: "user data: absent",
    arrange: (w) => w.environment["FL_ENV"] = "ec2",
    fails: "this EC2 instance has no user data",
    mend: (w) => w.useAws("aws-sm"),
  },
  {
    name: "user data: empty",
    arrange: (w) => w.useUserData("\n"),
    fails: "this EC2 instance has no user data",
    mend: (w) => w.useAws("aws-sm"),
  },
  {
    name: "user data: malformed",
    arrange: (w) => w.useUserData('{"type": "aws-sm"'),
    fails: "EC2 user data:1:18: ",
    mend: (w) => w.useAws("aws-sm"),
  },
  {
    name: "user data: a shell script",
    arrange: (w) => w.useUserData("#!/bin/sh\necho hello"),
    fails: "EC2 user data:1:1: ",
  },
  {
    name: "user data: a primary configuration in its place",
    arrange: (w) => w.useUserData('{"container": {"manifest": "nginx"}}'),
    fails: "EC2 user data:1:2: container: unknown key",
  },
  {
    name: "user data: not UTF-8 is not taken for something else",
    arrange: (w) => w.useUserData("\u0000"),
    fails: "EC2 user data:1:1: ",
  },
  {
    name: "metadata: version 2 is not there (404), version 1 is",
    arrange: (w) => {
      w.useAws("aws-sm");
      w.metadata.requiresToken = false;
      w.metadata.faults.tokenStatus = 404;
    },
  },
  {
    name: "metadata: version 2 is forbidden (403), version 1 is not",
    arrange: (w) => {
      w.useAws("aws-sm");
      w.metadata.requiresToken = false;
      w.metadata.faults.tokenStatus = 403;
    },
  },
  {
    name: "metadata: version 2 is forbidden, and version 1 switched off",
    arrange: (w) => {
      w.useAws("aws-sm");
      w.metadata.faults.tokenStatus = 403;
    },
    fails: "it refuses its own token (status 401)",
    mend: (w) => delete w.metadata.faults.tokenStatus,
  },
  {
    name: "metadata: a broken token path is no reason to fall back to version 1",
    arrange: (w) => {
      w.useAws("aws-sm");
      w.metadata.requiresToken = false;
      w.metadata.faults.tokenStatus = 400;
    },
    fails: "Cannot get a session token from the EC2 metadata service: it answered with status 400",
    verify: ({ metadata }) =>
      assert(
        metadata.requests.every((request) => request.startsWith("PUT")),
        `${metadata.requests}`,
      ),
  },
  {
    name: "metadata: 5xx for a moment is not noticed",
    arrange: (w) => {
      w.useAws("aws-sm");
      w.metadata.faults.unavailable = 2;
    },
  },
  {
    name: "metadata: 5xx for longer",
    arrange: (w) => {
      w.useAws("aws-sm");
      w.metadata.faults.unavailable = 1000;
    },
    fails: "Cannot get a session token from the EC2 metadata service: it answered with status 503",
    mend: (w) => w.metadata.faults.unavailable = 0,
  },
  {
    name: "metadata: switched off (403)",
    arrange: (w) => {
      w.useAws("aws-sm");
      w.metadata.faults.status = 403;
    },
    fails: 'Cannot get "user-data" from the EC2 metadata service: access to instance metadata is ' +
      "switched off (status 403)",
    mend: (w) => delete w.metadata.faults.status,
  },
  {
    name: "metadata: silent",
    arrange: (w) => {
      w.useAws("aws-sm");
      w.metadata.faults.silent = true;
      w.timeout = SHORT_TIMEOUT;
    },
    fails: "no answer for 1 s",
    mend: (w) => w.metadata.faults.silent = false,
  },
  {
    name: "metadata: stops in the middle of an answer",
    arrange: (w) => {
      w.useAws("aws-sm");
      w.metadata.faults.stalls = true;
      w.timeout = SHORT_TIMEOUT;
    },
    fails: 'Cannot get "user-data" from the EC2 metadata service: no answer for 1 s',
    mend: (w) => w.metadata.faults.stalls = false,
  },
  {
    name: "metadata: refuses the tokens that it gives",
    arrange: (w) => {
      w.useAws("aws-sm");
      w.metadata.faults.refusesTokens = true;
    },
    fails: "it refuses its own token (status 401)",
    mend: (w) => w.metadata.faults.refusesTokens = false,
  },
  {
    name: "metadata: a token that is only good for a moment is renewed each time",
    arrange: (w) => {
      w.useAws("aws-sm");
      // It is renewed a minute before that.
      w.metadata.longestTtl = 59;
    },
    verify: ({ metadata }) =>
      assert.equal(metadata.requests.filter((request) => request.startsWith("PUT")).length, 3),
  },

  // A URL
  {
    name: "URL: absent (404)",
    arrange: (w) => w.useWeb(text("", { status: 404 })),
    fails: "the server answered with status 404",
    mend: (w) => w.web.answer = text(GOOD),
  },
  ...[401, 403, 500, 503].map((status): Row => ({
    name: `URL: status ${status}`,
    arrange: (w) => w.useWeb(text("hunter2", { status })),
    fails: `the server answered with status ${status}`,
    mend: (w) => w.web.answer = text(GOOD),
  })),
  {
    name: "URL: malformed",
    arrange: (w) => w.useWeb(text('{"checkInterval": "hunter"}')),
    fails: /fl, named by EC2 user data:1:19: checkInterval: expected a whole number/,
    mend: (w) => w.web.answer = text(GOOD),
  },
  {
    name: "URL: empty",
    arrange: (w) => w.useWeb(text("")),
    fails: /:1:1: /,
    mend: (w) => w.web.answer = text(GOOD),
  },
  {
    name: "URL: silent",
    arrange: (w) => {
      w.useWeb(() => new Promise(() => {}));
      w.timeout = SHORT_TIMEOUT;
    },
    fails: "nothing came for 1 s",
    mend: (w) => w.web.answer = text(GOOD),
  },
  {
    name: "URL: redirects to another place",
    arrange: (w) =>
      w.useWeb(({ pathname }) =>
        pathname === "/fl"
          ? new Response(null, { status: 302, headers: { location: "/other" } })
          : new Response(GOOD)
      ),
  },
  {
    name: "URL: a meta configuration of FL_META_CONFIG wins over the user data",
    arrange: (w) => {
      w.useWeb(({ pathname }) =>
        new Response(pathname === "/meta" ? `{"url": "${w.web.origin}/primary"}` : GOOD)
      );
      w.environment["FL_META_CONFIG"] = `${w.web.origin}/meta?hunter2`;
    },
    verify: ({ metadata }) => assert.deepEqual(metadata.requests, []),
  },
  {
    name: "URL: a path",
    arrange: (w) => w.useUserData('{"url": "/nonexistent/hunter.jsonc"}'),
    fails: '"/nonexistent/hunter.jsonc": No such file or directory',
  },

  // Each service of AWS
  ...(Object.keys(META) as AwsType[]).flatMap((type): Row[] => {
    const { region } = META[type];
    const operation = {
      "aws-sm": `web ${region} secretsmanager GetSecretValue`,
      "aws-ssm": `web ${region} ssm GetParameter`,
      "aws-s3": `web ${region} s3 GetObject`,
    }[type];
    const denied = type === "aws-s3"
      ? "AccessDenied (status 403)"
      : "AccessDeniedException (status 400)";
    return [
      {
        name: `${type}: with the only role of the machine`,
        arrange: (w) => w.useAws(type),
        verify: ({ aws }) => assert.deepEqual(aws.requests, [operation]),
      },
      {
        name: `${type}: with the role that is named`,
        arrange: (w) => {
          w.metadata.addRole("other");
          w.metadata.addRole("web");
          w.aws.denied.add("other");
          w.useAws(type, GOOD, { machineRole: "web" });
        },
        verify: ({ aws }) => assert.deepEqual(aws.requests, [operation]),
      },
      {
        name: `${type}: absent`,
        arrange: (w) => {
          w.useAws(type);
          w.aws.secrets.clear();
          w.aws.parameters.clear();
          w.aws.objects.clear();
        },
        fails: {
          "aws-sm":
            "ResourceNotFoundException (status 400): Secrets Manager can't find the specified secret.",
          "aws-ssm": "ParameterNotFound (status 400)",
          "aws-s3": "NoSuchKey (status 404): no such key",
        }[type],
        mend: (w) => w.useAws(type),
      },
      {
        name: `${type}: malformed`,
        arrange: (w) => w.useAws(type, '{"checkInterval": 77, "contaner": {}}'),
        fails: `in eu-west-1, named by EC2 user data:1:23: contaner: unknown key, did you mean`,
        mend: (w) => w.useAws(type),
      },
      {
        name: `${type}: the role is denied`,
        arrange: (w) => {
          w.useAws(type);
          w.aws.denied.add("web");
        },
        fails: `As role "web": ${denied}: web is not authorized to do this`,
        mend: (w) => w.aws.denied.clear(),
      },
      {
        name: `${type}: a 500 that passes is not noticed`,
        arrange: (w) => {
          w.useAws(type);
          w.aws.faults.error = { code: "InternalServiceError", status: 500, times: 2 };
        },
      },
      {
        name: `${type}: a 500 that does not pass`,
        arrange: (w) => {
          w.useAws(type);
          w.aws.faults.error = { code: "InternalServiceError", status: 500, times: 100 };
        },
        fails: /Internal.*\(status 500\): as the test wants it/,
        mend: (w) => delete w.aws.faults.error,
      },
      {
        name: `${type}: silent`,
        arrange: (w) => {
          w.useAws(type);
          w.aws.faults.silent = true;
          w.timeout = SHORT_TIMEOUT;
        },
        fails: "no answer for 1 s",
        mend: (w) => w.aws.faults.silent = false,
      },
      {
        name: `${type}: stops in the middle of an answer`,
        arrange: (w) => {
          w.useAws(type);
          w.aws.faults.stalls = true;
          w.timeout = SHORT_TIMEOUT;
        },
        fails: "no answer for 1 s",
        mend: (w) => w.aws.faults.stalls = false,
      },
    ];
  }),
  {
    name: "aws-sm: SecretBinary",
    arrange: (w) => {
      w.useAws("aws-sm");
      w.aws.secrets.set("shop/fl", new TextEncoder().encode(GOOD));
    },
  },
  {
    name: "aws-sm: SecretBinary that is not UTF-8",
    arrange: (w) => {
      w.useAws("aws-sm");
      w.aws.secrets.set("shop/fl", Uint8Array.of(0xff));
    },
    fails: 'As role "web": not UTF-8',
    mend: (w) => w.useAws("aws-sm"),
  },
  {
    name: "aws-sm: an answer that is none of AWS's",
    arrange: (w) => {
      w.useAws("aws-sm");
      w.aws.faults.nonsense = "<html>hello</html>";
    },
    fails: 'Cannot load the configuration from secret "shop/fl" in eu-west-1',
    mend: (w) => delete w.aws.faults.nonsense,
  },
  {
    name: "aws-s3: an object that is too large",
    arrange: (w) => w.useAws("aws-s3", " ".repeat(4 * 1024 * 1024 + 1)),
    fails: "larger than 4194304 bytes",
    mend: (w) => w.useAws("aws-s3"),
  },

  // Roles
  {
    name: "roles: all are tried in turn",
    arrange: (w) => {
      for (const name of ["a", "b", "web"]) w.metadata.addRole(name);
      w.aws.denied.add("a").add("b");
      w.useAws("aws-sm");
    },
    verify: ({ aws }) => assert.equal(aws.requests.length, 1),
  },
  {
    name: "roles: if none may, each is named with its own reason",
    arrange: (w) => {
      w.metadata.addRole("a");
      w.metadata.addRole("b", { expiration: new Date(Date.now() - 1000) });
      w.metadata.addRole("c");
      w.metadata.contents.set(
        "meta-data/iam/security-credentials/c",
        '{"Code": "AssumeRoleUnauthorizedAccess", "Message": "EC2 cannot assume the role"}',
      );
      w.aws.denied.add("a");
      w.useAws("aws-sm");
    },
    fails: new RegExp(
      [
        'Cannot load the configuration from secret "shop/fl" in eu-west-1 as any of 3 roles',
        'As role "a": AccessDeniedException \\(status 400\\): a is not authorized to do this',
        'As role "b": ExpiredTokenException \\(status 403\\): The security token has expired.',
        'As role "c": Cannot get the credentials of role "c" from the EC2 metadata service: ' +
        "AssumeRoleUnauthorizedAccess: EC2 cannot assume the role",
      ].join("\n"),
    ),
    mend: (w) => w.aws.denied.clear(),
  },
  {
    name: "roles: the machine has none",
    arrange: (w) => {
      w.useAws("aws-sm");
      w.metadata.roles.clear();
    },
    fails: "This machine has no IAM role: attach an instance profile to it",
    mend: (w) => w.metadata.addRole("web"),
  },
  {
    name: "roles: the machine does not have the one that is named",
    arrange: (w) => w.useAws("aws-sm", GOOD, { machineRole: "other" }),
    fails: 'This machine does not have the IAM role "other"',
    mend: (w) => w.metadata.addRole("other"),
  },
  {
    name: "roles: credentials that make no sense",
    arrange: (w) => {
      w.useAws("aws-sm");
      w.metadata.contents.set(
        "meta-data/iam/security-credentials/web",
        '{"AccessKeyId": "hunter2"',
      );
    },
    fails: "its answer is no JSON object",
    mend: (w) => w.metadata.contents.delete("meta-data/iam/security-credentials/web"),
  },
  {
    name: "roles: credentials that are incomplete",
    arrange: (w) => {
      w.useAws("aws-sm");
      w.metadata.contents.set(
        "meta-data/iam/security-credentials/web",
        '{"AccessKeyId": "hunter2", "SecretAccessKey": "hunter2"}',
      );
    },
    fails: "its answer is incomplete",
    mend: (w) => w.metadata.contents.delete("meta-data/iam/security-credentials/web"),
  },
  {
    name: "roles: a wrong signature is told without what AWS quotes of the request",
    arrange: (w) => {
      w.useAws("aws-sm");
      const { secretAccessKey } = w.metadata.roles.get("web")!;
      w.metadata.contents.set(
        "meta-data/iam/security-credentials/web",
        JSON.stringify({
          AccessKeyId: "ASIAWEB",
          SecretAccessKey: `${secretAccessKey}x`,
          Token: "token-of-web-hunter2",
          Expiration: new Date(Date.now() + 3_600_000).toISOString(),
        }),
      );
    },
    fails: /InvalidSignatureException \(status 403\): The request signature we calculated[^\n]*$/,
  },
  {
    name: "roles: outside of EC2 the environment's credentials do",
    arrange: (w) => {
      const { accessKeyId, secretAccessKey, token } = w.metadata.addRole("web");
      w.useAws("aws-sm");
      w.environment = {
        ...w.environment,
        AWS_ACCESS_KEY_ID: accessKeyId,
        AWS_SECRET_ACCESS_KEY: secretAccessKey,
        AWS_SESSION_TOKEN: token,
      };
    },
    verify: ({ metadata }) =>
      assert(!metadata.requests.some((request) => request.includes("iam")), `${metadata.requests}`),
  },
];

for (const { name, arrange, fails, mend, verify } of rows) {
  Deno.test(name, async () => {
    await using world = new World();
    arrange(world);
    if (fails !== undefined) {
      const message = await failure(world);
      if (typeof fails === "string") assert(message.includes(fails), message);
      else assert.match(message, fails);
      assert.doesNotMatch(message, /hunter2/);
    }
    if (fails === undefined || mend !== undefined) {
      mend?.(world);
      const isImpatient = world.timeout === SHORT_TIMEOUT;
      const load = () => world.load();
      assert.equal(await (isImpatient ? eventually("it loads in time", load) : load()), 77);
    }
    verify?.(world);
  });
}

async function failure(world: World): Promise<string> {
  try {
    await world.load();
  } catch (error) {
    return errorChain(error).join("\n");
  }
  assert.fail("it was loaded");
}

// In mid-run

Deno.test("a token that expires in mid-run is renewed, and nobody notices", async () => {
  await using world = new World();
  // They are to be asked for at every load.
  world.metadata.addRole("web", { expiration: new Date(Date.now() + 60_000) });
  world.useAws("aws-sm");
  await world.load();
  world.metadata.expireTokens();
  assert.equal(await world.load(), 77);
  const gets = world.metadata.requests.filter((request) => request.endsWith("401"));
  assert.equal(gets.length, 1, world.metadata.requests.join("\n"));
});

Deno.test("credentials are used till shortly before they expire, and are then renewed", async () => {
  await using world = new World();
  const path = "GET /latest/meta-data/iam/security-credentials/web 200";
  const renewals = () => world.metadata.requests.filter((request) => request === path).length;
  world.metadata.addRole("web", { expiration: new Date(Date.now() + 10 * 60_000) });
  world.useAws("aws-sm");
  await world.load();
  await world.load();
  assert.equal(renewals(), 1);

  await using other = new World();
  other.metadata.addRole("web", { expiration: new Date(Date.now() + 4 * 60_000) });
  other.useAws("aws-sm");
  await other.load();
  const { token } = other.metadata.addRole("web", { token: "token-of-web-2-hunter2" });
  await other.load();
  assert.equal(token, "token-of-web-2-hunter2");
  assert.equal(other.aws.requests.length, 2, "the server takes no token but the newest");
});

Deno.test("credentials that cannot be renewed are used as long as they last", async () => {
  await using world = new World();
  world.metadata.addRole("web", { expiration: new Date(Date.now() + 4 * 60_000) });
  world.useAws("aws-sm", GOOD, { machineRole: "web" });
  await world.load();
  world.metadata.faults.unavailable = 1000;
  assert.equal(await world.load(), 77);
});

Deno.test("the role that was allowed is tried first from then on", async () => {
  await using world = new World();
  world.metadata.addRole("a");
  world.metadata.addRole("web");
  world.aws.denied.add("a");
  world.useAws("aws-sm");
  await world.load();
  world.aws.denied.clear();
  await world.load();
  assert.deepEqual(
    world.aws.requests,
    Array(2).fill("web eu-west-1 secretsmanager GetSecretValue"),
  );
});

Deno.test("a metadata service that is not there at first is found when it comes", async () => {
  const port = freePort();
  const metadata = new InstanceMetadata({ endpoint: `http://127.0.0.1:${port}` });
  const services = { metadata, aws: new AwsAccess(new RoleCredentials(metadata)) };
  const { source } = primarySource(undefined, { FL_ENV: "ec2" }, services);
  await assert.rejects(source.load(), /"?.* from the EC2 metadata service: .*Connection refused/);
  await using server = new MetadataServer({ port });
  await using web = new WebServer();
  web.answer = text(GOOD);
  server.contents.set("user-data", `{"url": "${web.origin}/"}`);
  assert.equal(await source.load(), GOOD);
});

Deno.test("a web server that is not there at first is found when it comes", async () => {
  const port = freePort();
  await using world = new World();
  world.useUserData(`{"url": "http://127.0.0.1:${port}/"}`);
  assert.match(await failure(world), /Connection refused/);
  await using web = new WebServer(port);
  web.answer = text(GOOD);
  assert.equal(await world.load(), 77);
});

Deno.test("AWS that is not there at first is found when it comes", async () => {
  await using world = new World();
  world.useAws("aws-sm");
  const port = freePort();
  Deno.env.set("AWS_ENDPOINT_URL", `http://127.0.0.1:${port}`);
  assert.match(await failure(world), /As role "web": .*Connection refused/);
  Deno.env.set("AWS_ENDPOINT_URL", world.aws.endpoint);
  assert.equal(await world.load(), 77);
});

Deno.test("a host name that cannot be resolved is an error that says so", async () => {
  const metadata = new InstanceMetadata({ endpoint: "http://nonexistent.invalid" });
  await assert.rejects(metadata.get("user-data"), /Cannot get a session token from the EC2/);
});

Deno.test("there are at least 50 cases", () => assert(rows.length >= 50, `${rows.length}`));
