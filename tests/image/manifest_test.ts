import assert from "node:assert/strict";
import {
  type ImageIndex,
  machinePlatform,
  parseManifest,
  selectPlatform,
} from "../../src/image/manifest.ts";

const OCI = "application/vnd.oci.image.manifest.v1+json";
const DOCKER = "application/vnd.docker.distribution.manifest.v2+json";
const OCI_INDEX = "application/vnd.oci.image.index.v1+json";
const DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json";
const OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip";
const OCI_CONFIG = "application/vnd.oci.image.config.v1+json";

const digest = (letter: string) => `sha256:${letter.repeat(64)}`;
const config = { mediaType: OCI_CONFIG, digest: digest("c"), size: 10 };
const layer = (extra = {}) => ({ mediaType: OCI_LAYER, digest: digest("a"), size: 5, ...extra });
const image = (extra = {}) => ({ schemaVersion: 2, config, layers: [layer()], ...extra });
const entry = (letter: string, platform?: object) => ({
  mediaType: OCI,
  digest: digest(letter),
  size: 7,
  platform,
});

function parse(manifest: unknown, mediaType = OCI) {
  return parseManifest(new TextEncoder().encode(JSON.stringify(manifest)), mediaType);
}

function messages(error: unknown): string {
  return error instanceof Error ? `${error.message}: ${messages(error.cause)}` : "";
}

Deno.test("image manifests of the OCI and of docker are read", () => {
  const expected = { kind: "image", config, layers: [layer()] };
  assert.deepEqual(parse(image({ mediaType: OCI, annotations: {}, subject: {} })), expected);
  assert.deepEqual(parse(image()), expected);
  const dockerConfig = {
    ...config,
    mediaType: "application/vnd.docker.container.image.v1+json",
  };
  const dockerLayers = ["tar", "tar.gzip", "tar.zstd"].map((suffix) =>
    layer({ mediaType: `application/vnd.docker.image.rootfs.diff.${suffix}` })
  );
  assert.deepEqual(
    parse(
      { schemaVersion: 2, mediaType: DOCKER, config: dockerConfig, layers: dockerLayers },
      DOCKER,
    ),
    { kind: "image", config: dockerConfig, layers: dockerLayers },
  );
});

Deno.test("a manifest that comes without a Content-Type is what it says itself", () => {
  assert.equal(parse(image({ mediaType: OCI }), "").kind, "image");
  assert.throws(() => parse(image(), ""), (error) => /media type ""/.test(messages(error)));
});

Deno.test("indexes of the OCI and of docker are read", () => {
  const platform = { os: "linux", architecture: "amd64" };
  for (const mediaType of [OCI_INDEX, DOCKER_LIST]) {
    const index = {
      schemaVersion: 2,
      mediaType,
      manifests: [
        entry("a", { ...platform, "os.version": "1", variant: "" }),
        entry("b"),
        entry("c", []),
      ],
    };
    const descriptor = (letter: string) => ({ mediaType: OCI, digest: digest(letter), size: 7 });
    assert.deepEqual(parse(index, mediaType), {
      kind: "index",
      manifests: [
        { descriptor: descriptor("a"), platform },
        { descriptor: descriptor("b") },
        { descriptor: descriptor("c") },
      ],
    });
  }
});

Deno.test("what cannot be pulled, or can be read in two ways, is refused with the reason", () => {
  const foreign = [
    "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
  ];
  const rows: [string, unknown, string, RegExp][] = [
    [
      "schema 1",
      { schemaVersion: 1, fsLayers: [] },
      "application/vnd.docker.distribution.manifest.v1+prettyjws",
      /schema 1/,
    ],
    ["schema 1 under another name", { schemaVersion: 1, fsLayers: [] }, OCI, /schema 1/],
    ["another Content-Type", image(), "text/html", /media type "text\/html"/],
    ["another version", image({ schemaVersion: 3 }), OCI, /schemaVersion/],
    ["another mediaType inside", image({ mediaType: DOCKER }), OCI, /says that it is/],
    [
      "an image that is an index too",
      image({ manifests: [] }),
      OCI,
      /is an image, but has "manifests"/,
    ],
    [
      "an index that is an image too",
      { schemaVersion: 2, manifests: [], layers: [] },
      OCI_INDEX,
      /is an index, but has "layers"/,
    ],
    [
      "an index with a config",
      { schemaVersion: 2, manifests: [], config },
      OCI_INDEX,
      /has "config"/,
    ],
    ["an image with schema 1's layers", image({ fsLayers: [] }), OCI, /has "fsLayers"/],
    ["no layers", image({ layers: [] }), OCI, /no layers/],
    ["layers that are no list", image({ layers: {} }), OCI, /"layers" is not a list/],
    [
      "128 layers",
      image({ layers: Array.from({ length: 128 }, () => layer()) }),
      OCI,
      /128 layers/,
    ],
    ...foreign.map((
      mediaType,
    ): [string, unknown, string, RegExp] => [
      "foreign layer",
      image({ layers: [layer({ mediaType })] }),
      OCI,
      /layer 1 is foreign/,
    ]),
    [
      "an encrypted layer",
      image({ layers: [layer({ mediaType: `${OCI_LAYER}+encrypted` })] }),
      OCI,
      /not a layer's/,
    ],
    [
      "a layer without media type",
      image({ layers: [layer({ mediaType: undefined })] }),
      OCI,
      /no media type/,
    ],
    [
      "an artifact",
      image({ config: { ...config, mediaType: "application/vnd.oci.empty.v1+json" } }),
      OCI,
      /something else than an image/,
    ],
    ["no config", image({ config: undefined }), OCI, /config is not described/],
    [
      "a malformed digest",
      image({ layers: [layer({ digest: "sha256:../../etc" })] }),
      OCI,
      /as a digest/,
    ],
    [
      "another algorithm",
      image({ layers: [layer({ digest: `sha512:${"a".repeat(128)}` })] }),
      OCI,
      /as a digest/,
    ],
    ["a negative size", image({ layers: [layer({ size: -1 })] }), OCI, /impossible size -1/],
    ["a size with a fraction", image({ layers: [layer({ size: 1.5 })] }), OCI, /impossible size/],
    ["a size of 2^53", image({ layers: [layer({ size: 2 ** 53 })] }), OCI, /impossible size/],
    ["a size in letters", image({ layers: [layer({ size: "5" })] }), OCI, /impossible size/],
    ["a list", [], OCI, /not a JSON object/],
    ["null", null, OCI, /not a JSON object/],
  ];
  for (const [name, manifest, mediaType, expected] of rows) {
    assert.throws(
      () => parse(manifest, mediaType),
      (error) => expected.test(messages(error)),
      name,
    );
  }
  const notJson = new TextEncoder().encode("<html>");
  assert.throws(() => parseManifest(notJson, OCI), /Cannot use the manifest/);
});

Deno.test("the image for a platform is found, with arm64's usual variant said or not", () => {
  const index = parse({
    schemaVersion: 2,
    manifests: [
      entry("0", { os: "windows", architecture: "amd64" }),
      entry("1", { os: "unknown", architecture: "unknown" }),
      entry("2", { os: "linux", architecture: "amd64" }),
      entry("3", { os: "linux", architecture: "amd64" }),
      entry("4", { os: "linux", architecture: "arm", variant: "v7" }),
      entry("5", { os: "linux", architecture: "arm64", variant: "v8" }),
      entry("6"),
    ],
  }, OCI_INDEX) as ImageIndex;
  const find = (architecture: string, variant?: string) =>
    selectPlatform(index, { os: "linux", architecture, variant }).digest;
  assert.equal(find("amd64"), digest("2"));
  assert.equal(find("arm64"), digest("5"));
  assert.equal(find("arm64", "v8"), digest("5"));
  assert.throws(
    () => find("s390x"),
    /Cannot find an image for linux\/s390x: there is one for windows\/amd64, linux\/amd64, linux\/amd64, linux\/arm\/v7, linux\/arm64\/v8$/,
  );
  assert.throws(() => find("arm", "v6"), /Cannot find an image for linux\/arm\/v6/);
  assert.throws(() => selectPlatform({ kind: "index", manifests: [] }), /for no platform/);
});

Deno.test("this machine's platform is in Go's words", () => {
  assert.ok(["amd64", "arm64"].includes(machinePlatform().architecture));
});
