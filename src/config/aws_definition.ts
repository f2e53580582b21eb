/** What the definitions have to say of AWS. */
import { pattern } from "./definition.ts";

/** An AWS region. */
export const regionName = pattern(/^[a-z]{2,}(?:-[a-z0-9]+)+$/, "the name of an AWS region", 64);

/** A role of IAM (IAM user guide, "IAM and AWS STS quotas"). */
export const roleName = pattern(/^[\w+=,.@-]{1,64}$/, "the name of an IAM role");
