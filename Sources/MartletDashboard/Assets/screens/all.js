// The table of screens: navigation, addresses and keys come from it. To add a screen, write its module and add it here; one
// that few people need is loaded when it is opened.

import downloads from './downloads.js';
import errors from './errors.js';
import events from './events.js';
import job from './job.js';
import jobs from './jobs.js';
import overview from './overview.js';
import queue from './queue.js';
import queues from './queues.js';
import system from './system.js';
import workers from './workers.js';

const audit = { path: ['audit'], nav: { label: 'Audit', key: 'a' }, module: () => import('./audit.js') };
const limits = { path: ['queues', ':queue', 'limits'], module: () => import('./limits.js') };

export const screens = [overview, jobs, job, queues, queue, limits, downloads, errors, events, workers, audit, system];
