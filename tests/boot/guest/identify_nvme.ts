/** Runs in a guest: says what the NVMe controller that is its argument says of itself. */
import { identifyNvme } from "../../../ffi/nvme.ts";
import { modelOf, nameAtAttachment } from "../../../src/volumes/ec2_device.ts";

const data = identifyNvme(Deno.args[0]!);
const serial = new TextDecoder().decode(data.subarray(4, 24)).trim();
console.log(JSON.stringify({ serial, model: modelOf(data), name: nameAtAttachment(data) ?? null }));
