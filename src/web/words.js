// SPDX-License-Identifier: Apache-2.0
/* The words of the API as people read them. A word that is not known here is shown as it came. */
import {h} from './dom.js';
import {clip, num} from './format.js';

export const STATUSES = ['PENDING', 'PROCESSING', 'COMPLETED', 'FAILED', 'DEFERRED', 'HELD', 'CANCELLED'];
const TONES = {PENDING: 'neutral', PROCESSING: 'info', COMPLETED: 'ok', FAILED: 'bad', DEFERRED: 'wait', HELD: 'warn', CANCELLED: 'neutral'};
export const PRIORITIES = ['urgent', 'high', 'normal', 'low'];

export const capital = (word) => word ? word[0].toUpperCase() + word.slice(1).toLowerCase().replaceAll('_', ' ') : '';

/* <Badge tone="ok">: tones are ok, info, warn, bad, wait, neutral; never told by the colour alone. */
export const Badge = (text, tone = 'neutral', props = {}) => h('span', {class: 'badge', dataset: {tone}, ...props}, clip(text, 60));
export const StatusBadge = (status) => Badge(capital(status), TONES[status] ?? 'neutral');

const REASONS = {
    max_records: 'More records than the job allows', max_cost: 'Would cost more than the job allows', price_unknown: 'The price is not known',
    daily_cost_cap: 'The daily budget of the source is spent', disk_room: 'No disk room for an answer', cached: 'Answered by an earlier job', reuse: 'Uses the payloads of an earlier job',
    duplicate: 'The same search was bought already', duplicates: 'Paid for records that came before', charge_unknown: 'A charge is in doubt', depth_limit: 'A part of the search is too deep',
    limit_ignored: 'The source ignored the page size', no_ids: 'The preview lists no ids', listing: 'The preview lists another number of ids', incremental: 'The bookmark cannot be used',
    request: 'The request could not be made', source: 'The source definition has an error', invalid: 'The job file has an error', edited: 'The file was edited after it had begun',
    damaged: 'Its journal is damaged', coverage: 'Records are missing', paginator: 'The search cannot be paged', load: 'Payloads could not be loaded', unauthorized: 'The source refused the credentials',
    token: 'No access token', ratelimit: 'The source takes no more for now', rate_limited: 'The source said: too many requests', retry_after: 'The source asked for a pause',
    api_budget: 'The request budget is spent', backoff: 'Waits before it tries again', not_before: 'Not due yet', dead_host: 'The source cannot be reached', budget: 'The budget changed',
    throttled: 'Waits for a part of the source that fails at the moment',
    paused: 'The source or the queue is paused', missing: 'Its file was gone', asked: 'A person asked for it', mv: 'Moved by hand', unreadable: 'The file could not be read', load_pending: 'Waits to be loaded',
};
export const reasonText = (reason) => !reason ? '' : REASONS[reason] ?? (/^status_\d+$/.test(reason) ? `The source answered ${reason.slice(7)}` : capital(clip(reason, 60)));

/* The reason of a job, which is more than a word when all of its units failed. unit: what they are called, if it is known. */
export function reasonOf({reason, processed_records: records, failed_units: failed}, unit = '') {
    if (reason !== 'coverage' || !(failed > 0) || records > 0)
        return reasonText(reason);
    return unit ? failed === 1 ? `Its only ${unit} failed` : `Every one of its ${num(failed)} ${unit}s failed` : failed === 1 ? 'The only one failed' : `All ${num(failed)} failed`;
}
/* What a job does many of: a unit has an outcome of its own. itemed: batches of it were seen that have a name. */
export function unitWord(job, itemed = false) {
    const file = job.job ?? {};
    return file.documents?.length ? 'document' : file.urls ? 'test' : itemed || job.failed_units > 0 ? 'unit' : 'page';
}
/* The status, and how many units have failed: a job is complete although some did. */
export const JobBadges = (job) => [StatusBadge(job.status), job.failed_units > 0 && job.status !== 'FAILED' && [' ', Badge(`${num(job.failed_units)} failed`, 'bad')]];

/* How to go on, where buttons do what the text of the server has commands for; '' : as the server says. */
const LIMIT = '“Run again with changes” makes a job with a higher limit or a narrower search; then cancel this one. Release goes on with it once its limit was changed in the job file.';
const GO_ON = {max_records: LIMIT, max_cost: LIMIT, charge_unknown: 'Ask the provider whether it charged. Then “Decide the charge”: buy the page once more, or go on without it.'};
const LATER = 'By itself, at that time. “Go on now” does not wait for it.';
export const goOnText = ({reason, status}) => (Object.hasOwn(GO_ON, reason ?? '') ? GO_ON[reason] : status === 'DEFERRED' ? LATER : '');
