import type { AwsAccess } from "../../aws/aws_access.ts";
import { parseMeta } from "../parse.ts";
import type { MetaSettings } from "../settings.ts";
import { awsSource } from "./aws_source.ts";
import type { ConfigurationSource } from "./configuration_source.ts";
import type { LoadOptions } from "./load_text.ts";
import { urlSource } from "./url_source.ts";

/** What sources are made with. */
export interface SourceServices extends Pick<LoadOptions, "fetch" | "stallTimeout"> {
  /** For what is in AWS. */
  readonly aws: AwsAccess;
}

/** The primary configuration that a meta configuration names. */
export function sourceOf(meta: MetaSettings, services: SourceServices): ConfigurationSource {
  return meta.type === "plain" ? urlSource(meta.url, services) : awsSource(meta, services.aws);
}

/**
 * The primary configuration, named by a meta configuration that is somewhere else. The meta configuration is read at the
 * first call and, once that worked, never again.
 *
 * @param meta where the meta configuration is
 */
export function metaSource(
  meta: ConfigurationSource,
  services: SourceServices,
): ConfigurationSource {
  let primary: ConfigurationSource | undefined;
  return {
    get description() {
      const named = `named by ${meta.description}`;
      return primary === undefined ? named : `${primary.description}, ${named}`;
    },
    async load(signal) {
      primary ??= sourceOf(parseMeta(await meta.load(signal), meta.description), services);
      return await primary.load(signal);
    },
  };
}
