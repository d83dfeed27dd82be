// The table of screens: navigation, addresses and keys come from it. To add a screen, write its module and add it here.
//
// A screen has:
//   path      its address in segments; `:name` stands for a parameter
//   nav       `{ label, key }` when it stands in the navigation; `g` and the key go there
//   title     the title of the page
//   load      the requests whose answers it shows, by name; they are repeated while it is open. `page` is the list that
//             the query chooses
//   open      makes its own state, once for each address
//   hears     whether an event of `{ queue, job }` may change what it shows; without it all do (optional). `job` is missing
//             where the event is one of the queue
//   changed   called after each round of answers (optional)
//   close     called when the address changes (optional)
//   keys      its groups of keys
//   view      describes it from `context`
// `context` has `params`, `query`, `data` and `errors` (by the names of `load`), `state`, `isPaused`,
// `redraw()`, `refresh()`, `toggle()` (stops and continues updating) and `setQuery(changes)`.

import audit from './audit.js';
import downloads from './downloads.js';
import events from './events.js';
import job from './job.js';
import jobs from './jobs.js';
import overview from './overview.js';
import queue from './queue.js';
import queues from './queues.js';
import system from './system.js';
import workers from './workers.js';

export const screens = [overview, jobs, job, queues, queue, downloads, events, workers, audit, system];
