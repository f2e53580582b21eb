/** `<account>.dkr.ecr.<region>.amazonaws.com`, its FIPS, dual-stack and Chinese forms (Amazon ECR endpoints and quotas). */
const HOST =
  /^https:\/\/\d{12}\.dkr[.-]ecr(?:-fips)?\.([a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|on\.aws|on\.amazonwebservices\.com\.cn)$/;

/**
 * The AWS region of a private registry of Amazon ECR.
 *
 * @param origin of the registry, `https://123456789012.dkr.ecr.eu-west-1.amazonaws.com`
 * @returns undefined if it is some other registry, or not asked by https
 */
export function ecrRegion(origin: string): string | undefined {
  return HOST.exec(origin)?.[1];
}
