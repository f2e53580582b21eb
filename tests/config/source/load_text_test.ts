import assert from "node:assert/strict";
import { type LoadOptions, loadText } from "../../../src/config/source/load_text.ts";
import { FakeTime } from "../../support/fake_time.ts";
import { freePort } from "../../support/free_port.ts";

type Handler = (request: Request, url: URL) => Response | Promise<Response>;

/** Runs `test` with a server on loopback; `origin` is without a slash at its end. */
async function withServer(
  handler: Handler,
  test: (origin: string) => Promise<void>,
): Promise<void> {
  const stop = new AbortController();
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, signal: stop.signal, onListen() {} },
    (request) => handler(request, new URL(request.url)),
  );
  try {
    await test(`http://127.0.0.1:${server.addr.port}`);
  } finally {
    // Not shutdown(), which waits for handlers that never answer.
    stop.abort();
    await server.finished;
  }
}

/** The message with which loading fails. */
async function failure(location: string, options?: LoadOptions): Promise<string> {
  try {
    await loadText(location, options);
  } catch (error) {
    assert.ok(error instanceof Error);
    assert.equal(error.cause, undefined);
    return error.message;
  }
  assert.fail("it was loaded");
}

const bytes = (...parts: (string | number[])[]) =>
  new Uint8Array(
    parts.flatMap((part) => typeof part === "string" ? [...new TextEncoder().encode(part)] : part),
  );

const NEVER = new Promise<Response>(() => {});

const BOM = [0xef, 0xbb, 0xbf];

async function withFile(
  contents: Uint8Array,
  test: (path: string) => Promise<void>,
): Promise<void> {
  const path = await Deno.makeTempFile({ prefix: "frontloader load ", suffix: "%20.jsonc" });
  try {
    await Deno.writeFile(path, contents);
    await test(path);
  } finally {
    await Deno.remove(path);
  }
}

Deno.test("a file is loaded by its path and by its URL", async () => {
  await withFile(bytes("{é}"), async (path) => {
    assert.equal(await loadText(path), "{é}");
    const url = new URL("file:///");
    url.pathname = path.replaceAll("%", "%25");
    assert.equal(await loadText(url.href), "{é}");
  });
});

Deno.test("a byte order mark is left out", async () => {
  await withFile(bytes(BOM, "{}"), async (path) => assert.equal(await loadText(path), "{}"));
});

Deno.test("an empty file is an empty text", async () => {
  await withFile(bytes(), async (path) => assert.equal(await loadText(path), ""));
});

Deno.test("what is not UTF-8 is refused", async () => {
  await withFile(bytes('{"a": "', [0xff], '"}'), async (path) => {
    assert.equal(await failure(path), `Cannot load the configuration "${path}": not UTF-8`);
  });
});

Deno.test("a file of 4 MiB is loaded, one byte more is too much", async () => {
  const size = 4 * 1024 * 1024;
  await withFile(new Uint8Array(size).fill(32), async (path) => {
    assert.equal((await loadText(path)).length, size);
    await Deno.writeFile(path, bytes(" "), { append: true });
    assert.match(await failure(path), /: larger than 4194304 bytes$/);
  });
});

const paths: readonly [location: string, message: string][] = [
  ["/nonexistent/x", '"/nonexistent/x": No such file or directory'],
  ["file:///nonexistent/x", '"file:///nonexistent/x": No such file or directory'],
  ["/tmp", '"/tmp": Is a directory'],
  [
    "ftp://u:hunter2@h/x?y",
    '"ftp://h/x": expected a path, or a URL with file://, http:// or https://',
  ],
  ["https://u:hunter2@[h/x", '"https://[h/x": malformed URL'],
  ["", '"": Empty path is not allowed'],
];

for (const [location, message] of paths) {
  Deno.test(`loading ${JSON.stringify(location)} fails`, async () => {
    assert.equal(await failure(location), `Cannot load the configuration ${message}`);
  });
}

Deno.test("a URL is loaded with its query, and without credentials if it has none", async () => {
  await withServer(({ headers }, { pathname, search }) => {
    return new Response(`${pathname}${search} ${headers.get("authorization")}`);
  }, async (origin) => {
    assert.equal(await loadText(`${origin}/a%20b?c=d`), "/a%20b?c=d null");
  });
});

const userInfos: readonly [userInfo: string, pair: string][] = [
  ["u:p", "u:p"],
  ["u", "u:"],
  [":p", ":p"],
  ["u%40h:p%3A%2F%C3%A9", "u@h:p:/é"],
  ["u:100%", "u:100%"],
];

for (const [userInfo, pair] of userInfos) {
  Deno.test(`${userInfo}@ is sent as Basic credentials`, async () => {
    await withServer((request) => {
      assert.doesNotMatch(request.url, /@/);
      return new Response(request.headers.get("authorization"));
    }, async (origin) => {
      const answer = await loadText(origin.replace("//", `//${userInfo}@`));
      assert.equal(
        new TextDecoder().decode(Uint8Array.fromBase64(answer.replace("Basic ", ""))),
        pair,
      );
    });
  });
}

for (const status of [400, 401, 403, 404, 429, 500, 503]) {
  Deno.test(`status ${status} is an error that shows neither user information nor query`, async () => {
    await withServer(
      () => new Response("hunter2 in the body", { status, statusText: "hunter2" }),
      async (origin) => {
        const host = origin.slice("http://".length);
        const message = await failure(`http://u:hunter2@${host}/a?token=hunter2#hunter2`);
        assert.equal(
          message,
          `Cannot load the configuration "http://${host}/a": the server answered with status ${status}`,
        );
      },
    );
  });
}

for (const status of [204, 304, 300]) {
  Deno.test(`status ${status} without anything to load is an error`, async () => {
    await withServer(() => new Response(null, { status }), async (origin) => {
      assert.match(
        await failure(origin),
        new RegExp(`: the server answered with status ${status}$`),
      );
    });
  });
}

Deno.test("an answer of more than 4 MiB is cut off", async () => {
  let sent = 0;
  const { promise: cancelled, resolve } = Promise.withResolvers<void>();
  const endless = () =>
    new ReadableStream({
      pull(controller) {
        sent += 65536;
        controller.enqueue(new Uint8Array(65536));
      },
      cancel: () => resolve(),
    });
  await withServer(() => new Response(endless()), async (origin) => {
    assert.match(await failure(origin), /: larger than 4194304 bytes$/);
    await cancelled;
    assert.ok(sent < 64 * 1024 * 1024, `${sent} bytes were sent`);
  });
});

Deno.test("a compressed answer counts by what it becomes", async () => {
  const bomb = new Blob([new Uint8Array(8 * 1024 * 1024)]).stream()
    .pipeThrough(new CompressionStream("gzip"));
  const body = await new Response(bomb).bytes();
  await withServer(
    () => new Response(body, { headers: { "content-encoding": "gzip" } }),
    async (origin) => assert.match(await failure(origin), /: larger than 4194304 bytes$/),
  );
});

Deno.test("a server that says nothing is given up", async () => {
  await withServer(() => NEVER, async (origin) => {
    const message = await failure(`${origin}/?hunter2`, { stallTimeout: 50 });
    assert.equal(message, `Cannot load the configuration "${origin}/": nothing came for 0.05 s`);
  });
});

Deno.test("a server that stops in the middle is given up", async () => {
  const stuck = () =>
    new ReadableStream({ start: (controller) => controller.enqueue(bytes('{"a"')) });
  await withServer(() => new Response(stuck()), async (origin) => {
    assert.match(await failure(origin, { stallTimeout: 50 }), /: nothing came for 0\.05 s$/);
  });
});

Deno.test("a slow server is waited for as long as something comes", async () => {
  using time = new FakeTime();
  let left = 8;
  const slow = new ReadableStream({
    async pull(controller) {
      if (left-- === 0) return controller.close();
      await new Promise((resolve) => setTimeout(resolve, 29_000));
      controller.enqueue(bytes("x"));
    },
  });
  const loading = loadText("http://slow.example/", {
    fetch: () => Promise.resolve(new Response(slow)),
  });
  await time.advance(8 * 29_000);
  assert.equal(await loading, "x".repeat(8));
});

Deno.test("a connection that breaks is an error without the query", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const origin = `http://127.0.0.1:${listener.addr.port}`;
  const served = (async () => {
    const connection = await listener.accept();
    await connection.read(new Uint8Array(4096));
    await connection.write(bytes("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"));
    connection.close();
  })();
  try {
    const message = await failure(`${origin}/a?hun)ter2=hunter2`);
    assert.ok(message.startsWith(`Cannot load the configuration "${origin}/a": `), message);
    assert.doesNotMatch(message, /ter2/);
  } finally {
    await served;
    listener.close();
  }
});

Deno.test("a server that is not there is an error without the query", async () => {
  const port = freePort();
  const message = await failure(`http://u:hunter2@127.0.0.1:${port}/a?hun):%20ter2=hunter2`);
  assert.equal(
    message,
    `Cannot load the configuration "http://127.0.0.1:${port}/a": tcp connect error: Connection refused`,
  );
});

Deno.test("loading ends at once when its signal is aborted, with the signal's reason", async () => {
  const { promise: asked, resolve: onAsked } = Promise.withResolvers<void>();
  await withServer(() => {
    onAsked();
    return NEVER;
  }, async (origin) => {
    const controller = new AbortController();
    const reason = new Error("enough");
    const loading = loadText(origin, { signal: controller.signal });
    await asked;
    controller.abort(reason);
    await assert.rejects(loading, (error) => error === reason);
  });
});

Deno.test("redirects are followed, and credentials stay with the server they are for", async () => {
  const seen: [path: string, authorization: string | null][] = [];
  const note = (request: Request, url: URL) =>
    seen.push([url.pathname, request.headers.get("authorization")]);
  await withServer((request, url) => {
    note(request, url);
    return new Response("{}");
  }, async (other) => {
    await withServer((request, url) => {
      note(request, url);
      const target = url.pathname === "/a" ? "/b" : `${other.replace("//", "//x:y@")}/c`;
      return new Response(null, { status: 307, headers: { location: target } });
    }, async (origin) => {
      assert.equal(await loadText(origin.replace("//", "//u:p@") + "/a"), "{}");
    });
  });
  assert.deepEqual(seen, [["/a", "Basic dTpw"], ["/b", "Basic dTpw"], ["/c", null]]);
});

const redirects: readonly [location: string, why: string][] = [
  ["/again", "more than 5 redirects"],
  ["file:///etc/passwd", "the server redirects to what is no http or https URL"],
  ["data:,{}", "the server redirects to what is no http or https URL"],
  ["http://[", "the server redirects to what is no http or https URL"],
];

for (const [location, why] of redirects) {
  Deno.test(`a redirect to ${location} ends with an error`, async () => {
    await withServer(
      () => new Response(null, { status: 302, headers: { location } }),
      async (origin) => {
        assert.equal(await failure(origin), `Cannot load the configuration "${origin}": ${why}`);
      },
    );
  });
}

Deno.test("a redirect from https to http is not followed", async () => {
  const asked: string[] = [];
  const fetch = (url: string | URL | Request) => {
    asked.push(`${url}`);
    const headers = { location: "http://h/b" };
    return Promise.resolve(new Response(null, { status: 301, headers }));
  };
  assert.equal(
    await failure("https://h/a", { fetch }),
    'Cannot load the configuration "https://h/a": the server redirects from https to http',
  );
  assert.deepEqual(asked, ["https://h/a"]);
});
