// Admission of Seckill: refuses values with which the API server would refuse a child, and names the field.
import type { Kind } from '../src/api/define-kind.ts';
import { refuse } from '../src/api/refusals.ts';
import {
  enabledServices,
  kafkaConsumer,
  Seckill,
  seckillFields,
  seckillServices,
} from '../src/api/seckill.ts';
import {
  environmentIsSound,
  firstOf,
  hasNoVersion,
  lacksRequests,
  nameFits,
  portsAreSound,
  requestsWithinLimits,
  secretsInPlain,
} from './container-rules.ts';
import { firstVariable, resourcesAreSound, targetsAreClear } from './pod-rules.ts';
import type { Call, Rule, Webhooks } from './webhook.ts';

type SeckillRule = Rule<Seckill>;

/** Services are named after the object, with a suffix. The longest suffix is `-gateway-svc`. */
const longestSuffix = Math.max(...Object.values(seckillServices).map((short) => `-${short}-svc`.length));

const rules: SeckillRule[] = [imagesAreNamed, servicesAreSound, scalingIsPossible];

export const seckillWebhooks: Webhooks<Seckill> = {
  kind: Seckill as Kind,
  defaulting: 'assumed',

  /** The schema has all defaults, and the API server fills them in. */
  default: ({ object }) => object,

  rules: { CREATE: [nameFits(63 - longestSuffix), ...rules], UPDATE: rules, DELETE: [] },

  warnings: [
    serviceWarning((path, { image }) => hasNoVersion(`${path}.image`, image)),
    serviceWarning((path, { resources }) => lacksRequests(`${path}.resources`, resources)),
    serviceWarning((path, { env }) => secretsInPlain(`${path}.env`, env)),
    ({ object }) => {
      const { hpa, keda } = object.spec.scaling ?? {};
      if (!hpa?.enabled || !keda?.enabled) return undefined;
      return `spec.scaling: hpa and keda are both enabled; KEDA scales ${kafkaConsumer}, which gets no HorizontalPodAutoscaler of its own`;
    },
    ({ object }) => {
      if (!object.spec.scaling?.hpa?.enabled) return undefined;
      const withoutRequest = enabledServices(object.spec)
        .filter(({ service }) => service.resources?.requests?.cpu === undefined)
        .map(({ field }) => field);
      if (withoutRequest.length === 0) return undefined;
      return `spec.scaling.hpa: without a CPU request its use cannot be measured: ${withoutRequest.join(', ')}`;
    },
    ({ object }) =>
      enabledServices(object.spec).length > 0
        ? undefined
        : 'spec.services: no service is enabled, nothing will run',
  ],
};

type SeckillCall = Call<Seckill>;

/** Makes one warning of the texts that `textOf` gives for the enabled services. */
function serviceWarning(
  textOf: (
    path: string,
    service: ReturnType<typeof enabledServices>[number]['service'],
  ) => string | undefined,
): (call: SeckillCall) => string | undefined {
  return ({ object }) => {
    const found = enabledServices(object.spec).flatMap(
      ({ field, service }) => textOf(`spec.services.${field}`, service) ?? [],
    );
    return found.length > 0 ? found.join('; ') : undefined;
  };
}

function imagesAreNamed({ object }: SeckillCall): ReturnType<SeckillRule> {
  const field = seckillFields.find((it) => {
    const service = object.spec.services?.[it];
    return service?.enabled && !service.image;
  });
  if (!field) return undefined;
  const path = `spec.services.${field}.image`;
  return refuse('Invalid', `${path} is required where the service is enabled`, path);
}

function servicesAreSound({ object }: SeckillCall): ReturnType<SeckillRule> {
  return firstOf(seckillFields, (field) => {
    const service = object.spec.services?.[field];
    const path = `spec.services.${field}`;
    return (
      requestsWithinLimits(`${path}.resources`, service?.resources) ??
      resourcesAreSound(`${path}.resources`, service?.resources) ??
      portsAreSound(`${path}.ports`, service?.ports) ??
      targetsAreClear(`${path}.ports`, service?.ports) ??
      environmentIsSound(`${path}.env`, service?.env) ??
      firstVariable(`${path}.env`, service?.env)
    );
  });
}

function scalingIsPossible({ object }: SeckillCall): ReturnType<SeckillRule> {
  const { hpa, keda } = object.spec.scaling ?? {};
  const { minReplicas = 1, maxReplicas = 10 } = hpa ?? {};
  if (minReplicas > maxReplicas) {
    const path = 'spec.scaling.hpa.minReplicas';
    return refuse(
      'Invalid',
      `${path} must be at most maxReplicas (${maxReplicas}), got ${minReplicas}`,
      path,
    );
  }
  if (keda?.enabled && !keda.kafkaScaler) {
    const path = 'spec.scaling.keda.kafkaScaler';
    return refuse('Invalid', `${path} is required where keda is enabled`, path);
  }
  return undefined;
}
