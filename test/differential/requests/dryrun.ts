// Dry runs and the options of writes: nothing may stay, everything is checked.

import type { Topic } from '../types.ts';
import {
  configMap,
  configMaps,
  deployment,
  deployments,
  get,
  patch,
  pod,
  pods,
  post,
  put,
  service,
  services,
} from './make.ts';

const dry = `${configMaps}?dryRun=All`;
const a = `${configMaps}/a`;

export const dryRuns: Topic = {
  name: 'dryrun',
  steps: [
    post('a create', dry, configMap('a')),
    get('is not there', a),
    post('a generated name', dry, configMap('', {}, { generateName: 'g-' })),
    post('a bad object', dry, configMap('Bad_')),
    post('an unknown value', `${configMaps}?dryRun=Some`, configMap('a')),
    post('two values', `${configMaps}?dryRun=All&dryRun=All`, configMap('a')),
    post('an empty value', `${configMaps}?dryRun=`, configMap('empty')),
    post('a pod', `${pods}?dryRun=All`, pod('p')),
    post('a service', `${services}?dryRun=All`, service('s')),
    post('a deployment', `${deployments}?dryRun=All`, deployment('d')),
    post('truly', configMaps, configMap('a', { x: '1' }), { setup: true }),
    post('what is there', dry, configMap('a')),
    put('a put', `${a}?dryRun=All`, configMap('a', { x: '2' })),
    put('a put that creates', `${configMaps}/b?dryRun=All`, configMap('b')),
    patch('merge', 'a patch', `${a}?dryRun=All`, { data: { x: '3' } }),
    patch('apply', 'an apply', `${a}?dryRun=All&fieldManager=m`, configMap('a', { y: '1' })),
    patch('apply', 'an apply with a conflict', `${a}?dryRun=All&fieldManager=m`, configMap('a', { x: '9' })),
    get('unchanged', a),
    post('a field manager', `${configMaps}?fieldManager=mine`, configMap('fm')),
    post(
      'a field manager that is too long',
      `${configMaps}?fieldManager=${'m'.repeat(130)}`,
      configMap('fm2'),
    ),
    post('a field manager that cannot be printed', `${configMaps}?fieldManager=a%0Ab`, configMap('fm3')),
    put('an update by another', `${a}?fieldManager=other`, configMap('a', { x: '4' })),
    put(
      'an update by too long a manager',
      `${a}?fieldManager=${'m'.repeat(130)}`,
      configMap('a', { x: '4' }),
    ),
    post('validation: ignore', `${configMaps}?fieldValidation=Ignore`, { ...configMap('v1'), surplus: 1 }),
    post('validation: warn', `${configMaps}?fieldValidation=Warn`, { ...configMap('v2'), surplus: 1 }),
    post('validation: strict', `${configMaps}?fieldValidation=Strict`, { ...configMap('v3'), surplus: 1 }),
    post('validation: strict, and right', `${configMaps}?fieldValidation=Strict`, configMap('v4')),
    post(
      'validation: twice',
      `${configMaps}?fieldValidation=Strict`,
      '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"v5"},"data":{"a":"1","a":"2"}}',
    ),
    post('validation: odd', `${configMaps}?fieldValidation=Perhaps`, configMap('v6')),
    patch('merge', 'validation: a patch', `${a}?fieldValidation=Strict`, { surplus: 1 }),
  ],
};
