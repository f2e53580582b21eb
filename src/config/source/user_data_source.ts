import type { InstanceMetadata } from "../../aws/instance_metadata.ts";
import type { ConfigurationSource } from "./configuration_source.ts";

/** The user data of this EC2 instance. */
export function userDataSource(metadata: InstanceMetadata): ConfigurationSource {
  return {
    description: "EC2 user data",
    async load(signal) {
      const text = await metadata.get("user-data", signal);
      if (text !== undefined && text.trim() !== "") return text;
      throw new Error("Cannot load the configuration: this EC2 instance has no user data");
    },
  };
}
