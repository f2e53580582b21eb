/**
 * Everything that needs AWS's SDK. Loaded when it is first wanted, and a bundle of its own (`system/self.ts`): it takes a tenth
 * of a second and 30 MB, few need it, and the stage of every container starts from the same files.
 */
export { readObject } from "./object_store.ts";
export { readParameter } from "./parameter_store.ts";
export { getRegistryToken } from "./registry_token.ts";
export { readSecret } from "./secrets_manager.ts";
