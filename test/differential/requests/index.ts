// Every topic, in the order in which differences are told. The slow ones come first when they are run.

import type { Topic } from '../types.ts';
import { admission } from './admission.ts';
import { apply } from './apply.ts';
import { definitions } from './crds.ts';
import { create } from './create.ts';
import { deletes } from './delete.ts';
import { discovery } from './discovery.ts';
import { dryRuns } from './dryrun.ts';
import { errors } from './errors.ts';
import { paging, selectors } from './lists.ts';
import { patches } from './patches.ts';
import { eventTopic, serviceTopic } from './services.ts';
import { subresources } from './subresources.ts';
import { tables } from './tables.ts';
import { watches } from './watches.ts';
import { workloads } from './workloads.ts';

export const topics: Topic[] = [
  admission,
  watches,
  create,
  errors,
  selectors,
  paging,
  patches,
  apply,
  deletes,
  definitions,
  subresources,
  tables,
  discovery,
  dryRuns,
  workloads,
  serviceTopic,
  eventTopic,
];
