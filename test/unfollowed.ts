// For tests of nothing but promises on a simulated clock, as a first import. Node's test runner follows every promise
// of its process by async hooks, to know whose test an error is that nobody catches; where a test is months or
// thousands of histories, that is half of all CPU and more. Without it such an error still fails the file, but no
// longer says in which test it happened.
import { createHook } from 'node:async_hooks';

// The runner enables its hook when the first test is declared; nothing else in these files needs one.
const anyHook = Object.getPrototypeOf(createHook({})) as { enable(): unknown };
anyHook.enable = function () {
  return this;
};
