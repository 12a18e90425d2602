// Scenarios on a sandbox of their own, beside those of the other files here.
import { runScenarios } from '../run.ts';

await runScenarios('sandbox', ['crowds']);
