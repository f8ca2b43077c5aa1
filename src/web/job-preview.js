// SPDX-License-Identifier: Apache-2.0
/* What a job will find, cost and take, before it is submitted. */
import {h, icon} from './dom.js';
import {ApiError, job as jobPath} from './api.js';
import {clip, duration, money, num, Text} from './format.js';
import {reasonText} from './words.js';

const PREVIEW_MS = 60000;

/* The document of POST /api/preview. old: the job was changed since. */
export function previewView(answer, old) {
    const planned = answer.planned ?? answer.records ?? answer.total;
    const stat = (label, value, moreText) => h('div', {class: 'stat'}, h('span', {class: 'label'}, label), h('span', {class: 'value'}, value), moreText && h('span', {class: 'more'}, moreText));
    return h('div', {class: `preview ${old ? 'old' : ''}`},
        old && h('p', {class: 'small tone-warn'}, 'The job was changed since: count again.'),
        h('div', {class: 'stats'},
            stat('Records found', num(answer.total), planned !== answer.total && planned !== undefined ? `${num(planned)} will be taken` : null),
            answer.metered !== false && stat('Cost', answer.cost === null || answer.cost === undefined ? 'not known' : money(answer.cost, answer.currency), answer.saving ? `${money(answer.saving, answer.currency)} saved: ${num(answer.owned)} owned` : null),
            stat('Time', answer.seconds === null || answer.seconds === undefined ? 'not known' : `about ${duration(answer.seconds)}`, [answer.queue_seconds > 1 && `${duration(answer.queue_seconds)} of it waiting`, answer.days > 1 && `over ${num(answer.days)} days`].filter(Boolean).join(', ') || null),
            stat('Requests', num(answer.requests))),
        answer.basis && h('p', {class: 'muted small'}, `Time from ${clip(answer.basis, 120)}.`),
        (answer.guards ?? []).map((guard) => h('div', {class: 'banner', dataset: {tone: 'warn'}}, icon('alert'), h('div', {}, h('strong', {}, `It would be held: ${reasonText(guard.reason)}`), h('p', {class: 'small'}, Text(guard.error, 300))))));
}

/* 200 with the document, or 202 with the job that will have it. */
export async function askPreview(page, job) {
    const response = await page.api.request('POST', '/api/preview', {body: job, want: 'response', signal: page.signal, timeout: PREVIEW_MS});
    let answer = await response.json();
    if (response.status !== 202)
        return answer;
    const id = answer.job_id;
    while (!['COMPLETED', 'FAILED', 'HELD', 'CANCELLED'].includes(answer.status)) {
        await new Promise((resolve) => setTimeout(resolve, 2000));
        answer = await page.api.get(jobPath(id), {signal: page.signal});
    }
    if (answer.status !== 'COMPLETED')
        throw new ApiError(0, {detail: answer.error_details || reasonText(answer.reason) || 'The source could not be asked.'});
    return page.api.get(jobPath(id, 'results/download'), {query: {name: 'preview.json'}, signal: page.signal});
}
