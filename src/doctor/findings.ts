// The types of the doctor: a check turns an observation into findings. Knows no cluster and no single check.
import type { Observation } from './observation.ts';

/** error: orders are refused, wrong or stuck, or soon will be. warning: orders work, but something needs attention. */
export type Severity = 'error' | 'warning';

export interface Finding {
  severity: Severity;
  /** Stable: scripts may match on it. docs/doctor.md lists all reasons. */
  reason: FindingReason;
  /** `kind/name` or `kind/namespace/name`, followed by a field where there is one. */
  where: string;
  /** What is wrong, with the numbers, in one sentence. */
  what: string;
  /** A command to paste, or a sentence when no command helps. */
  remedy: string;
}

/** Something that a check could not read, and why. The cluster may be healthy or not. */
export interface Unchecked {
  unchecked: string;
}

/** Pure: the same observation gives the same findings. A new check is a new line in checks/index.ts. */
export interface Check {
  /** What it checks, as a sentence about a healthy cluster. */
  name: string;
  run(seen: Observation): readonly (Finding | Unchecked)[];
}

export const findingReasons = {
  ServerTooOld: 'the API server is older than 1.31',
  PermissionsMissing: 'these credentials may not look at everything',
  DefinitionMissing: 'a CRD is not there',
  DefinitionOutdated: 'a CRD is not what this version of Spikegate generates',
  DefinitionNotEstablished: 'a CRD is there and its kind is not served',
  StoredVersionGone: 'a CRD says that objects are stored in a version that it no longer has',
  ConfigurationMissing: 'a webhook configuration is not there',
  ConfigurationOutdated: 'a webhook configuration is not what this version generates',
  AnotherInstallation: 'another Spikegate is installed in this cluster',
  WebhookPathWithoutSecret: 'a webhook is called at a path without the secret that serve makes',
  CallersUncertified: 'the API server can present a client certificate, and serve requires none',
  ServiceMissing: 'the Service that the webhooks name is not there',
  ServiceWithoutEndpoints: 'no pod that is ready stands behind that Service',
  WebhookNotAnswering: 'a dry-run admission fails',
  WebhookNotCalled: 'a dry-run object comes back as if no webhook had seen it',
  CertificateExpired: 'the serving certificate has expired',
  CertificateExpiring: 'the serving certificate ends soon, and nothing has renewed it',
  CertificateNameWrong: 'the serving certificate is for other names',
  CaBundleMissing: 'a webhook trusts no CA of its own',
  CaBundleWrong: 'the CA that the API server trusts did not sign what is served',
  CaBundlesDiffer: 'the webhooks trust different CAs',
  NoLeader: 'nobody leads, or who led has stopped',
  ClockWrong: "the clock of the leader's machine is not the API server's",
  TermUnknown: 'goods carry the term of a leader that the lease never gave',
  HoldsLeaked: 'stock is held longer than any admission can take',
  OrdersOverdue: 'orders are unpaid past their deadline',
  CountersWrong: 'the counters of goods are not what its orders add up to',
  StockOversold: 'goods have more units in orders than in stock',
  NamespaceStuck: 'a namespace cannot go because of our finalizers',
  NamespaceExempt: 'a namespace with a sale in it is exempt from the rules',
  ReplicasMissing: 'a Deployment has fewer ready pods than it wants',
  VersionsDiffer: 'the replicas run different images',
} as const;
export type FindingReason = keyof typeof findingReasons;

export const isFinding = (outcome: Finding | Unchecked): outcome is Finding => 'reason' in outcome;
