// What the sandbox does otherwise, or does not do, step by step. Whatever is mended leaves this list: the test
// fails as long as a step is here that has no difference. What has to do with custom resources and webhooks is in
// gaps-extensions.ts.

import { type Allowed, gap, of } from './allowed.ts';

export const gaps: Allowed[] = [
  gap(
    'Deleting a service answers with the service since 1.23.',
    '*',
    of('delete', 'a service'),
    of('services', 'its address is free'),
  ),
  gap(
    'Services can be deleted as a collection since 1.23.',
    'code',
    of('delete', 'services as a collection'),
  ),
  gap(
    'A dry run of a service gets an address since 1.22.',
    '*',
    of('dryrun', 'a service'),
    of('services', 'client affinity | a named target | external addresses | a local policy | no selector'),
  ),
  gap(
    'JSON patches of what is not there are refused since 1.22.',
    'code',
    of('patches', 'json: replace of nothing | json: move from nothing | json: copy from nothing'),
  ),
  gap(
    'resourceVersionMatch is for watches too since 1.27 (sendInitialEvents).',
    'code',
    of('watches', 'with a match'),
  ),
  gap(
    'Fields of newer versions, filled in with their defaults.',
    '*',
    of('watches', 'as tables'),
    of('patches', 'strategic: service ports | merge: service ports'),
    of('subresources', 'a load balancer'),
    of(
      'tables',
      'config maps | one config map | one with its object | one without an object',
      'config maps, in the beta | pods | deployments | secrets | service accounts | nodes | claims',
      'volumes | autoscalers | roles | storage classes | a table of what is made',
    ),
    of('discovery', 'the core'),
    of('workloads', 'a stateful set | a stateful set’s replicas'),
    of(
      'services',
      'a service | an address of its own | headless | a node port | a node port of its own',
      'a load balancer | to a node port | back to an address | to an external name',
      'and taken again',
    ),
  ),
  gap(
    "What a body holds is checked against the request's kind before anything else, in one text.",
    '*',
    of('errors', 'JSON null | a merge patch that is a list | a delete with a wrong kind'),
    of(
      'patches',
      'merge: another kind | merge: another version | merge: a wrong type | json: the whole',
      'strategic: a list for a map | merge: replicas as a text',
    ),
  ),
  gap(
    "What a body holds is checked against the request's kind before anything else, in one text.",
    'body.message',
    of('create', 'another version in the body | another group in the body | an odd group'),
    of('errors', 'a delete with an odd body'),
    of('patches', 'merge: another namespace'),
    of('apply', 'no version | no kind | another kind | a wrong type'),
  ),
  gap('A wrong field is told in other words.', '*', of('workloads', 'a daemon set’s selector')),
  gap(
    'A wrong field is told in other words.',
    'body.message',
    of('create', 'bad finalizers | bad keys | a bad lease'),
    of('errors', 'a put without a name | a put of another namespace'),
    of('paging', 'a page that never was | a page of another kind of token | exactly version 0'),
    of('patches', 'put: a uid that is not its | put: another address | put: a deletion time'),
    of('delete', 'a wrong uid | a wrong version'),
    of('subresources', 'a bad role'),
    of(
      'workloads',
      'no selector | no template | an odd strategy | a stateful set’s service',
      'an autoscaler below one | pod: an odd policy | pod: an odd dns policy',
      'pod: more than the limit | neither surge nor unavailable | an empty ingress',
    ),
    of('services', 'the same address'),
    of('events', 'an event of nothing | a new event without much'),
  ),
  gap(
    "Not checked: the sandbox knows the schema of every built-in kind, and of Kubernetes' further rules the common ones.",
    '*',
    of('subresources', 'may alice?'),
  ),
  gap(
    'Newer Kubernetes takes what 1.20 refused: an update of a service without its address, which it keeps; ports without a protocol; any printable name of a variable.',
    'code',
    of('patches', 'put: a service without its address'),
    of('apply', 'a service | its second port'),
    of('services', 'a put with its version'),
    of('workloads', 'pod: a bad variable'),
  ),
  gap(
    "Not checked: the sandbox knows the schema of every built-in kind, and of Kubernetes' further rules the common ones.",
    'body.message',
    of('create', 'a basic secret without its keys'),
    of('errors', 'a list as XML'),
    of('paging', 'an object of the future'),
    of('subresources', 'scaled by another kind'),
    of('services', 'an address out of range | the same port twice'),
  ),
  gap(
    'What admission plugins and controllers of Kubernetes add and the sandbox has none of: priorities, protection of volumes, taints, quotas.',
    '*',
    of('create', 'a claim'),
    of('workloads', 'a daemon set | a budget | a network policy | a volume | a node'),
  ),
  gap(
    'What admission plugins and controllers of Kubernetes add and the sandbox has none of: priorities, protection of volumes, taints, quotas.',
    'code',
    of('workloads', 'a quota'),
  ),
  gap(
    'Not served: logs, exec, proxy, bindings, applies of a scale.',
    '*',
    of('subresources', 'after all that | binding a pod | a bound pod'),
  ),
  gap(
    'Not served: logs, exec, proxy, bindings, applies of a scale.',
    'code',
    of('subresources', 'scaled by an apply'),
  ),
  gap(
    'Not served: logs, exec, proxy, bindings, applies of a scale.',
    'body.message',
    of('subresources', 'a log | an exec | a proxy'),
  ),
  gap('Quantities stay as they were written.', '*', of('workloads', 'a pod with everything')),
  gap(
    'The autoscaler of autoscaling/v1 gets no default target.',
    '*',
    of('workloads', 'an autoscaler with little'),
  ),
  gap(
    'Anonymous requests are refused with 401, as with --anonymous-auth=false.',
    '*',
    of('errors', 'no credentials | an odd authorization'),
  ),
  gap(
    'Paths that clients of today do not use.',
    '*',
    of('watches', 'of one object by its path'),
    of('errors', 'no such check'),
  ),
  gap(
    'Paths that clients of today do not use.',
    'code',
    of('errors', 'POST to discovery | any application type | the old watch path'),
  ),
  gap(
    'A request for an unknown media type is answered in one text.',
    'body.message',
    of('watches', 'as XML'),
    of('errors', 'an answer as XML | a patch of no type | a patch of an odd type'),
  ),
  gap(
    'The cache of 1.20 pays no heed to a limit at version 0 and sends bookmarks only once a minute.',
    '*',
    of('watches', 'that times out with a bookmark'),
    of('paging', 'version 0 with a limit'),
  ),
  gap(
    'Error texts of resource versions say what newer Kubernetes says.',
    'body.message',
    of('paging', 'a version of the future'),
    of('patches', 'put: a version that is no number'),
  ),
  gap(
    'The last state of an object that lost its finalizers is told without them.',
    '*',
    of('watches', 'how it went'),
  ),
  gap(
    'Errors of a patch are told as often as it was tried.',
    '*',
    of('patches', 'merge: a uid that is not its | merge: a wrong label'),
    of('delete', 'a finalizer more meanwhile'),
  ),
  gap(
    'Strategic directives are told in other words.',
    'body.message',
    of('patches', 'strategic: an unknown directive | strategic: without its key'),
  ),
  gap(
    'Unprintable letters are shown as JSON shows them.',
    'body.message',
    of('apply', 'a manager that cannot be printed'),
  ),
  gap(
    'An apply of nothing but empty parts owns these.',
    '*',
    of(
      'apply',
      'given up by the others | force that is no flag | replicas unwanted | ports with default keys',
      'a port of another protocol | a status | the deployment',
    ),
  ),
  gap(
    'Namespaces say less about their end; finalize keeps their labels.',
    '*',
    of('delete', 'it says what holds it | finalize | finalizers of a namespace'),
  ),
  gap("The API's YAML is 1.2: `on` is a text, not true.", '*', of('create', 'as YAML')),
  gap('Services have field selectors since 1.31.', 'code', of('selectors', 'fields: spec.type=ClusterIP')),
  gap(
    'A status written through its own door keeps labels.',
    '*',
    of(
      'subresources',
      'a status and more | the same status | a condition | another condition | a condition changed',
    ),
  ),
  gap('Reviews come back without managedFields.', '*', of('subresources', 'whose token?')),
  gap(
    'Names of a scale are told as those of the object.',
    'body.message',
    of('subresources', 'a scale of nothing'),
  ),
  gap(
    'An update that sets nothing but an empty part has an entry for it.',
    '*',
    of('create', 'a uid on create | a creation time on create'),
    of('delete', 'the kid has no owner | the finalizer goes'),
  ),
  gap('Texts of newer Kubernetes.', 'body.message', of('patches', 'merge: a pod’s command')),
  gap(
    '1.20 answers OpenAPI in protobuf unless asked.',
    '*',
    of('discovery', 'what OpenAPI says of a map | one type of OpenAPI'),
  ),
];
