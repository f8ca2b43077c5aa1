// SPDX-License-Identifier: Apache-2.0
/* One job: how far it is, what it costs, why it waits and how to go on, its batches, what happened, and what came of it. */
import {h, fill, redraw, icon, button} from './dom.js';
import {num, bytes, money, duration, Ago, Time, Text, clip, plural, shortJson, now} from './format.js';
import {JobBadges, Badge, goOnText, reasonOf, reasonText, unitWord, capital, PRIORITIES} from './words.js';
import {simpleTable, emptyState, errorState, skeleton} from './table.js';
import {openDialog, confirm, choose, menuButton, busy} from './dialog.js';
import {job as jobPath, isAbort} from './api.js';
import {amounts, jobTitle} from './jobs.js';
import {showPayload} from './payload.js';
import {timeline} from './timeline.js';

const LIVE = ['PENDING', 'PROCESSING', 'DEFERRED', 'HELD'];
const cents = (text) => /^\d+(\.\d+)?$/.test(text ?? '') ? Number(text) : 0; /* for the widths of bars only */

/* What a person may do to it now, by its state. The server decides; this only leaves out what it would refuse. */
function allowed(job) {
    const {status} = job;
    return {
        process: job.captured_batches > job.loaded_batches,
        release: status === 'HELD' || status === 'FAILED' && job.reason === 'coverage',
        retry: ['FAILED', 'CANCELLED', 'DEFERRED'].includes(status),
        hold: ['PENDING', 'PROCESSING', 'DEFERRED'].includes(status),
        cancel: LIVE.includes(status),
        priority: ['PENDING', 'PROCESSING', 'DEFERRED', 'HELD'].includes(status),
    };
}

const unloaded = (job) => Math.max(0, (job.processed_records ?? 0) - (job.success_count ?? 0) - (job.error_count ?? 0) + (job.failed_units ?? 0));

/* ---- acts ---- */

function makeActs(page, get, changed) {
    async function send(element, act, body, said) {
        try {
            const job = await busy(element, page.api.post(jobPath(get().job_id, act), body ?? {}, {signal: page.signal}));
            page.toast(said);
            changed(job);
            return true;
        } catch (error) {
            page.toastError(error, `${capital(act)} did not work`);
            if (error.status === 409)
                changed(null);
            return false;
        }
    }
    const acts = {
        async cancel(element) {
            const job = get();
            const running = job.status === 'PROCESSING';
            if (await confirm({title: 'Cancel this job?', text: running ? 'Nothing new is asked for. Paid answers that are on their way are awaited and kept; what was captured stays and can be loaded.' : 'What was captured stays and can be loaded. Retry goes on with it later.', ok: 'Cancel the job', danger: true, cancel: 'Let it go on'}))
                await send(element, 'cancel', null, 'Cancelled');
        },
        hold: (element) => send(element, 'hold', null, 'On hold'),
        retry: (element) => send(element, 'retry', null, 'Back in the queue'),
        async retryFailed(element) {
            try {
                const made = await busy(element, page.api.post(jobPath(get().job_id, 'retry-failed'), {}, {signal: page.signal}));
                page.toast('A new job does them again');
                page.navigate(`/jobs/${encodeURIComponent(made.job_id)}`);
            } catch (error) {
                page.toastError(error, 'It cannot be done again');
            }
        },
        process: (element) => send(element, 'process', null, 'Loading has begun'),
        priority: (element, priority) => send(element, 'priority', {priority}, `Priority ${priority}`),
        async release(element, batch = null) {
            const job = get();
            const body = await decision(job, batch);
            if (body)
                await send(element, 'release', body, body.decision === 'give_up' ? 'Given up' : 'Released');
        },
    };
    return acts;
}

/* What a release means depends on why the job is held: money is never spent by a button that does not say so. */
async function decision(job, batch) {
    if (job.reason === 'charge_unknown' || job.unknown_batches > 0) {
        const word = unitWord(job), which = batch === null ? plural(job.unknown_batches, word) : `${word} ${batch}`;
        const decided = await choose({
            title: 'A charge is in doubt', text: `The answer to ${which} was lost: up to ${money(job.cost_in_doubt, job.currency)} may have been charged for nothing. Look at the provider's account first. A ${word} is never bought twice without your word.`,
            choices: [
                {value: 'accept_charge', label: 'Buy once more', text: `The lost charge counts as spent; ${which} ${job.unknown_batches === 1 || batch !== null ? 'is' : 'are'} asked for, and paid for, again.`},
                {value: 'give_up', label: 'Give up', text: 'The lost charge counts as spent; the job goes on without. It will end as failed, with records missing.', danger: true},
            ],
        });
        return decided && {decision: decided, ...(batch === null ? {} : {batch})};
    }
    if (job.reason === 'duplicates')
        return await confirm({title: 'Go on in spite of the duplicates?', text: `${clip(job.error_details, 300)} Further pages may bring, and cost, more of them.`, ok: 'Go on', cancel: 'Keep it on hold'}) ? {decision: 'accept_duplicates'} : null;
    if (job.reason === 'coverage')
        return await confirm({title: 'Accept what came as complete?', text: `${clip(job.error_details, 300)} The job ends as completed with what it has.`, ok: 'Accept', cancel: 'Leave it as it is'}) ? {decision: 'accept_coverage'} : null;
    if (job.reason === 'no_ids' || job.reason === 'listing')
        return await confirm({title: 'Buy the whole search?', text: 'What is owned already cannot be left out. All of it is bought, records that are owned are paid for again.', ok: 'Buy all', danger: true, cancel: 'Keep it on hold'}) ? {decision: 'buy_all'} : null;
    const guard = ['max_cost', 'max_records', 'price_unknown'].includes(job.reason);
    return await confirm({title: 'Release this job?', text: guard ? `${clip(job.error_details, 300)} The limits are checked again: it is held once more unless the job file was changed.` : 'It goes back into the queue; its limits are checked again before anything is bought.', ok: 'Release', cancel: 'Keep it on hold'}) ? {} : null;
}

/* ---- parts ---- */

function header(page, job, acts) {
    const can = allowed(job), may = page.can('operator');
    const left = unloaded(job);
    const buttons = [];
    const put = (act, label, props) => buttons.push(button(label, {...props, onclick: (event) => acts[act](event.currentTarget)}));
    if (may && can.process && job.process === 'manual')
        put('process', job.status === 'PROCESSING' ? 'Load what came' : `Load ${num(left)} records now`, {icon: 'play', class: job.status === 'COMPLETED' ? 'primary' : ''});
    if (may && can.release)
        put('release', job.unknown_batches > 0 ? 'Decide the charge' : job.reason === 'coverage' && job.status === 'FAILED' ? 'Accept as complete' : 'Release', {icon: 'check', class: job.status === 'HELD' ? 'primary' : ''});
    if (may && can.retry)
        put('retry', job.status === 'DEFERRED' ? 'Go on now' : 'Retry', {icon: 'refresh', class: job.status === 'FAILED' ? 'primary' : ''});
    if (job.job?.documents?.length && job.captured_batches > 0)
        buttons.push(h('a', {class: 'btn', href: `/jobs/${encodeURIComponent(job.job_id)}/review`}, icon('edit'), 'Review'));
    const menu = menuButton(button('More acts', {icon: 'more', hideLabel: true}), () => [
        may && can.process && job.process !== 'manual' && {label: 'Load what was captured', icon: 'play', onclick: () => acts.process(menu)},
        may && can.hold && {label: 'Hold', icon: 'pause', onclick: () => acts.hold(menu)},
        ...may && can.priority ? PRIORITIES.map((p) => ({label: `Priority ${p}`, icon: p === job.priority ? 'check' : 'up', disabled: p === job.priority, onclick: () => acts.priority(menu, p)})) : [],
        may && {label: 'Run again with changes', icon: 'edit', onclick: () => page.navigate(`/new?from=${encodeURIComponent(job.job_id)}`)},
        {label: 'Copy the id', icon: 'copy', onclick: () => copy(page, job.job_id)},
        may && can.cancel && null,
        may && can.cancel && {label: 'Cancel the job', icon: 'stop', danger: true, onclick: () => acts.cancel(menu)},
    ].filter((item) => item !== false && item !== undefined));
    return h('div', {class: 'page-head'}, h('div', {class: 'grow stack tight'},
        h('div', {class: 'row small'}, h('a', {href: '/jobs', class: 'back'}, icon('left'), 'Jobs')),
        h('h1', {class: 'row'}, Text(jobTitle(job), 120), JobBadges(job), job.priority !== 'normal' && Badge(job.priority, job.priority === 'low' ? 'neutral' : 'warn', {class: 'badge plain'})),
        h('div', {class: 'row small muted'}, h('code', {class: 'id'}, clip(job.job_id, 80)))),
    buttons, menu);
}

async function copy(page, text) {
    try {
        await navigator.clipboard.writeText(text);
        page.toast('Copied');
    } catch {
        page.toast('Could not be copied here', {tone: 'warn'});
    }
}

function progressCard(job, word) {
    const facts = [], missing = Math.max(0, (job.missing_records ?? 0) - (job.failed_units ?? 0)); /* units that failed are not missing */
    if (job.status === 'PROCESSING')
        facts.push(job.waiting_until && Date.parse(job.waiting_until) > now() && h('span', {}, /^Waits\b/.test(reasonText(job.waiting_for)) ? '' : 'Waits: ', reasonText(job.waiting_for), ', ', Ago(job.waiting_until)), job.rate_per_s > 0 ? `${num(Math.round(job.rate_per_s * 10) / 10)} records/s` : 'No rate yet', job.eta_s > 0 ? `done in about ${duration(job.eta_s)}` : null);
    facts.push(`${plural(job.captured_batches ?? 0, word)} captured, ${num(job.loaded_batches ?? 0)} loaded`);
    if (job.failed_batches > 0)
        facts.push(h('span', {class: 'tone-bad'}, `${num(job.failed_batches)} could not be loaded`));
    if (job.unknown_batches > 0)
        facts.push(h('span', {class: 'tone-warn'}, `${num(job.unknown_batches)} in doubt`));
    if (job.owned_records > 0)
        facts.push(`${num(job.owned_records)} owned already, not bought`);
    const coverage = job.unique_records !== null && job.unique_records !== undefined;
    return card('Progress', h('div', {class: 'card-body'}, amounts(job, {tall: true}),
        h('p', {class: 'muted dots'}, facts.filter(Boolean).map((f) => h('span', {}, f))),
        coverage && h('p', {class: 'muted dots'}, h('span', {}, `${num(job.unique_records)} unique`), h('span', {class: job.duplicate_records > 0 ? 'tone-warn' : ''}, `${num(job.duplicate_records)} duplicates`), h('span', {class: missing > 0 ? 'tone-bad' : ''}, `${num(missing)} missing`), job.failed_units > 0 && h('span', {class: 'tone-bad'}, `${num(job.failed_units)} failed`)),
        job.reuses && h('p', {}, 'Uses the payloads of ', h('a', {href: `/jobs/${encodeURIComponent(job.reuses)}`}, Text(job.reuses, 80)), '; nothing was asked for.')));
}

/* A line of text in which commands stand out; it is text whatever it holds. */
const withCommands = (line) => line.split(/(`[^`]{1,300}`)/).map((part) => /^`.*`$/.test(part) ? h('code', {}, clip(part.slice(1, -1), 300)) : clip(part, 2000));

/* The text of `why`: lines `what:`, `since:`, `until:`, `go on:` of the .why file, and sentences. What the page says elsewhere is left out. */
function whyText(job) {
    const out = [];
    for (const line of (job.why ?? '').trim().split('\n').slice(0, 60)) {
        const [, key, text] = /^(job|what|since|until|go on):\s+(.*)$/.exec(line) ?? [null, '', line];
        if (key === 'since')
            out.push(h('p', {class: 'muted small'}, 'Since ', Time(text)));
        else if (key === 'go on')
            out.push(h('p', {}, h('span', {class: 'muted'}, 'To go on: '), goOnText(job) || withCommands(text)));
        else if (key === 'what')
            out.push(h('p', {}, withCommands(job.reason && text.startsWith(`${job.reason}: `) ? text.slice(job.reason.length + 2) : text === job.reason ? '' : text)));
        else if (key === '' && text.trim())
            out.push(h('p', {}, withCommands(text)));
    }
    return out;
}

/* Units of a complete job that have no record: a list of URLs is done although some of them are dead. */
function failedCard(page, job, acts, word) {
    if (job.status !== 'COMPLETED' || !(job.failed_units > 0))
        return null;
    return h('section', {class: 'banner', dataset: {tone: 'warn'}, 'aria-label': 'Failed in part'}, icon('alert'),
        h('div', {}, h('strong', {}, `${num(job.failed_units)} of ${plural(job.total_records, word)} failed`), h('p', {}, 'They have no record; each is listed below with what went wrong, and in the reports.')),
        page.can('operator') && button('Try them again', {icon: 'refresh', class: 'small', onclick: (event) => acts.retryFailed(event.currentTarget)}));
}

/* What a job that runs waits for in part: of the text of `why` all but what the progress says. Times that are past say nothing any more. */
function partCard(job) {
    const lines = (job.why ?? '').trim().split('\n').filter((line) => line && !/^(job|what|since|until|go on):|^It (runs|waits|is)\b/.test(line)).slice(0, 20).map((line) => {
        const [, what, until, rest] = /^Waits for (.+) until (\d{4}-\d\d-\d\dT[\d:.]+Z): (.*)$/.exec(line) ?? [];
        return !until ? h('p', {}, withCommands(line)) : Date.parse(until) > now() && h('p', {}, 'Waits for ', Text(what, 300), ' until ', Time(until), ' (', Ago(until), '): ', clip(rest, 600));
    }).filter(Boolean);
    return lines.length > 0 && h('section', {class: 'banner', dataset: {tone: 'wait'}, 'aria-label': 'Waits in part'}, icon('clock'), h('div', {class: 'why'}, h('strong', {}, 'A part of it waits'), lines));
}

function whyCard(job, word) {
    const tones = {HELD: 'warn', FAILED: 'bad', DEFERRED: 'wait'};
    const text = job.why ?? '';
    if (job.status === 'COMPLETED' && !(job.captured_batches > job.loaded_batches))
        return null;
    if (job.status === 'COMPLETED') {
        const left = unloaded(job);
        return h('section', {class: 'banner', dataset: {tone: 'info'}, 'aria-label': 'Captured, not loaded'}, icon('info'),
            h('div', {}, h('strong', {}, 'Captured, not loaded yet'), h('p', {}, `${num(left)} records are kept, byte for byte, and wait until somebody loads them.`)));
    }
    if (job.status === 'PROCESSING' && !job.reason)
        return partCard(job);
    if (!text && !job.reason)
        return null;
    const title = job.status === 'DEFERRED' ? ['Waits', job.until && [' until ', Time(job.until), ' (', Ago(job.until), ')']] : job.status === 'HELD' ? 'On hold: a person must let it go on' : job.status === 'FAILED' ? 'Why it failed' : job.status === 'CANCELLED' ? 'Cancelled' : 'Why it waits';
    const body = h('div', {class: 'why'}, h('strong', {}, title), job.reason && h('p', {}, h('strong', {}, reasonOf(job, word))), job.error_details && !text.includes(job.error_details.slice(0, 200)) && h('p', {}, clip(job.error_details, 600)), whyText(job));
    return h('section', {class: 'banner', dataset: {tone: tones[job.status] ?? 'neutral'}, 'aria-label': 'Why'}, icon(job.status === 'DEFERRED' ? 'clock' : job.status === 'PENDING' ? 'queue' : 'alert'), body);
}

function moneyCard(job) {
    if (!job.currency && !cents(job.cost))
        return null;
    const cap = job.job?.max_cost ?? null, spent = cents(job.cost), doubt = cents(job.cost_in_doubt);
    const whole = cap !== null && cents(String(cap)) || cents(job.estimate?.cost);
    const width = (v) => `${Math.min(100, v / whole * 100)}%`;
    return card('Money', h('div', {class: 'card-body'},
        h('div', {class: 'row nowrap'}, h('span', {class: 'value-big num grow live-number'}, money(job.cost, job.currency)), cap !== null && h('span', {class: 'muted'}, `of ${money(String(cap), job.currency)} at most`)),
        whole > 0 && h('div', {class: 'bar tall', role: 'img', 'aria-label': `${money(job.cost, job.currency)} spent${doubt ? `, ${money(job.cost_in_doubt, job.currency)} in doubt` : ''}${cap !== null ? ` of ${money(String(cap), job.currency)}` : ''}`},
            h('span', {style: {width: width(spent + doubt)}, dataset: {tone: 'warn'}}), h('span', {style: {width: width(spent)}, dataset: {tone: 'info'}})),
        h('dl', {class: 'kv'},
            doubt > 0 && [h('dt', {}, 'In doubt'), h('dd', {class: 'num tone-warn'}, money(job.cost_in_doubt, job.currency))],
            job.estimate?.cost && [h('dt', {}, 'Expected'), h('dd', {class: 'num'}, money(job.estimate.cost, job.estimate.currency || job.currency))],
            cap === null && [h('dt', {}, 'Limit of the job'), h('dd', {}, 'none')])));
}

function factsCard(job) {
    const row = (label, value) => value !== null && value !== undefined && value !== '' && value !== false && [h('dt', {}, label), h('dd', {}, value)];
    const from = Math.max(Date.parse(job.created_at) || 0, Date.parse(job.not_before) || 0), took = job.completed_at ? (Date.parse(job.completed_at) - from) / 1000 : null;
    return card('Details', h('div', {class: 'card-body'}, h('dl', {class: 'kv'},
        row('Source', h('a', {href: `/queue?source=${encodeURIComponent(job.source)}`}, Text(job.source, 64))),
        row('Campaign', job.campaign_id && h('a', {href: `/jobs?filter=${encodeURIComponent(`campaign:${/[\s":]/.test(job.campaign_id) ? `"${job.campaign_id.replaceAll('"', '')}"` : job.campaign_id}`)}`}, Text(job.campaign_id, 64))),
        row('By', job.created_by && Text(job.created_by, 64)), row('Loading', job.process === 'auto' ? 'by itself' : 'when a person says so'), row('Created', Time(job.created_at)), row('Not before', job.not_before && Time(job.not_before)),
        row('Completed', job.completed_at && Time(job.completed_at)), row('Took', took !== null && took >= 0 && (took < 1 ? 'less than a second' : duration(took))),
        row('Expected', job.estimate && (job.estimate.records !== null && job.estimate.records !== undefined || job.estimate.seconds) && [job.estimate.requests && `${plural(job.estimate.requests, 'request')}`, job.estimate.records !== null && job.estimate.records !== undefined && plural(job.estimate.records, 'record'), job.estimate.seconds && duration(job.estimate.seconds)].filter(Boolean).join(', ')))));
}

/* Of a list of URLs or documents what each is called. */
const nameOf = (item) => typeof item === 'string' ? item : item?.url ?? item?.name;
const named = (value) => Array.isArray(value) && value.length > 0 && value.every(nameOf) ? value.map(nameOf) : value;
/* Members that the page shows elsewhere. */
const COMMON = new Set(['source', 'name', 'campaign_id', 'created_by', 'priority', 'process', 'max_cost', 'not_before', 'mode']);
function criteriaCard(page, job) {
    const file = job.job;
    if (!file)
        return null;
    const text = JSON.stringify(file, null, 2);
    const raw = () => openDialog({title: 'The job file', wide: true, content: h('pre', {class: 'code', tabindex: '0'}, clip(text, 200000)), actions: [button('Copy', {icon: 'copy', onclick: () => copy(page, text)})]});
    const list = job.criteria ?? file.criteria;
    const pairs = Array.isArray(list) ? list.slice(0, 60).map((c) => [c?.name ?? '', c?.value]) : Object.entries(file).filter(([key]) => !COMMON.has(key)).slice(0, 60);
    return card('Criteria', h('div', {class: 'card-body'}, pairs.length ? h('dl', {class: 'kv criteria'}, pairs.map(([name, value]) => [h('dt', {}, Text(name, 60)), h('dd', {}, Text(shortJson(named(value), 400), 400))])) : h('p', {class: 'muted'}, 'None: everything that the source gives.')), button('JSON', {class: 'small ghost', onclick: raw}));
}

function card(title, body, ...tools) {
    return h('section', {class: 'card', 'aria-label': title}, h('header', {}, h('h2', {class: 'grow'}, title), tools), body);
}

/* ---- batches ---- */

const SHELVES = {pending: ['Captured', 'info'], ready: ['To be loaded', 'info'], processing: ['Loading', 'info'], processed: ['Loaded', 'ok'], failed: ['Not loaded', 'bad']};
const SHELF_OF = {PENDING: 'pending', PROCESSING: 'processing', COMPLETED: 'processed', FAILED: 'failed'};
const OPEN = {charge_unknown: ['In doubt', 'warn'], requested: ['Asked', 'info'], retrying: ['Tries again', 'wait'], given_up: ['Given up', 'bad'], failed: ['Failed', 'bad']};

function batchesCard(page, get, acts, seen) {
    const root = h('div', {}, h('div', {class: 'card-body'}, skeleton(3)));
    const about = h('span', {class: 'muted small'});
    const PAGE = 10;
    let cursors = [null], abort = null, timer = 0;
    const columns = [
        {label: '#', class: 'num', cell: (f) => f.batch_number},
        {label: 'State', class: 'state', cell: (f) => { const [word, tone] = f.state ? OPEN[f.state] ?? [capital(f.state), 'neutral'] : SHELVES[f.shelf ?? SHELF_OF[f.status]] ?? [capital(f.status), 'neutral']; return h('div', {class: 'stack tight'}, h('span', {}, Badge(word, tone)), f.item && h('span', {class: 'small'}, Text(f.item, 300)), (f.error || f.error_details) && h('span', {class: 'small muted'}, clip(f.error || f.error_details, 200)), f.same_as && h('span', {class: 'small muted'}, 'same bytes as an earlier payload')); }},
        {label: 'Captured', class: 'num', cell: (f) => f.state ? '' : num(f.records)},
        {label: 'Loaded', class: 'num', cell: (f) => f.state ? '' : f.processed_at ? [num(f.success_count), f.error_count > 0 && h('span', {class: 'tone-bad'}, ` · ${num(f.error_count)} errors`)] : h('span', {class: 'muted'}, '–')},
        {label: 'SHA-256', class: 'wide-only', cell: (f) => f.sha256 ? h('button', {type: 'button', class: 'hash', title: `${f.sha256} (copy)`, 'aria-label': `${f.sha256.slice(0, 10)}: copy the checksum of batch ${f.batch_number}`, onclick: () => copy(page, f.sha256)}, f.sha256.slice(0, 10)) : ''},
        {label: 'When', class: 'nowrap wide-only', cell: (f) => f.captured_at ? Ago(f.captured_at) : ''},
        {label: '', class: 'end', cell: (f) => f.state === 'charge_unknown' ? page.can('operator') && button('Decide', {class: 'small', onclick: (event) => acts.release(event.currentTarget, f.batch_number)}) : f.state ? '' : button(`Payload of batch ${f.batch_number}`, {icon: 'search', class: 'small ghost', hideLabel: true, onclick: () => showPayload(page, get().job_id, f)})},
    ];
    async function load() {
        abort?.abort();
        clearTimeout(timer);
        timer = 0;
        const mine = abort = new AbortController();
        page.signal.addEventListener('abort', () => mine.abort(), {once: true});
        try {
            const answer = await page.api.get(jobPath(get().job_id, 'files'), {query: {limit: PAGE, cursor: cursors.at(-1)}, signal: mine.signal});
            const files = answer.files ?? [], open = cursors.length === 1 ? answer.open_batches ?? [] : [];
            const total = answer.total ?? files.length;
            seen([...files, ...open]);
            about.textContent = total ? plural(total, 'payload') : '';
            const first = (cursors.length - 1) * PAGE;
            redraw(root, () => [files.length || open.length ? simpleTable({label: 'Batches', class: 'dense', columns, rows: [...open, ...files]}) : h('p', {class: 'empty small'}, 'Nothing is captured yet.'),
                total > PAGE && h('div', {class: 'pager inner'}, h('span', {class: 'muted small grow'}, `${num(first + 1)}–${num(first + files.length)} of ${num(total)}`),
                    button('Previous', {icon: 'left', class: 'small', hideLabel: true, disabled: cursors.length === 1, onclick: () => { cursors.pop(); load(); }}),
                    button('Next', {icon: 'right', class: 'small', hideLabel: true, disabled: !answer.next_cursor, onclick: () => { cursors.push(answer.next_cursor); load(); }}))]);
        } catch (error) {
            if (!isAbort(error))
                fill(root, errorState(error, load));
        }
    }
    load();
    page.leave(() => clearTimeout(timer));
    return {element: card('Batches', root, about), reload: load, soon() { timer ||= setTimeout(load, 1000); }};
}

/* ---- results ---- */

const FORMS = {
    csv: {file: 'records.csv', label: 'CSV'}, ndjson: {file: 'records.ndjson', label: 'NDJSON'}, xlsx: {file: 'report.xlsx', label: 'Workbook (XLSX)'},
    pdf: {file: 'report.pdf', label: 'Pages (PDF)'}, html: {file: 'report.html', label: 'Web page (HTML)'}, ics: {file: 'dates.ics', label: 'Calendar of dates (ICS)'},
};

/* A file is made by the daemon when it is asked for, and downloaded as soon as it is there. */
function resultsCard(page, get) {
    const list = h('div', {class: 'card-body'});
    let results = null, made = 0, wanted = null, timer = 0; /* wanted: {format, id of the job that makes it, until} */
    const link = (name) => `${jobPath(get().job_id, 'results/download')}?name=${encodeURIComponent(name)}`;

    async function make(element, format) {
        try {
            const asked = await busy(element, page.api.post(jobPath(get().job_id, 'results'), {format}, {signal: page.signal}));
            wanted = {format, id: asked.job_id, until: Date.now() + 600000};
            draw();
            load();
        } catch (error) {
            page.toastError(error, 'The file cannot be made');
        }
    }
    const makes = (format) => button(`${FORMS[format].label} of ${plural(made, 'record')}`, {icon: 'download', class: 'small', disabled: Boolean(wanted), onclick: (event) => make(event.currentTarget, format)});
    const opener = button('Report', {icon: 'file', class: 'small'});
    const reports = h('span', {}, menuButton(opener, () => ['xlsx', 'pdf', 'html', ...(get().source === 'lease' || results.some((r) => r.name === FORMS.ics.file) ? ['ics'] : [])]
        .map((format) => ({label: FORMS[format].label, icon: 'download', onclick: () => make(opener, format)}))));
    opener.addEventListener('menuclose', () => draw());
    function draw() {
        if (!results || opener.getAttribute('aria-expanded') === 'true') /* drawn when the menu closes, which drawing would take away */
            return;
        opener.disabled = Boolean(wanted);
        const files = results.map((r) => h('li', {}, icon('file'), h('a', {href: link(r.name), download: ''}, Text(r.name, 80)), h('span', {class: 'muted small'}, bytes(r.bytes), ' · ', Ago(r.created_at)),
            r.sha256 && h('button', {type: 'button', class: 'hash', title: `${r.sha256} (copy)`, 'aria-label': `${r.sha256.slice(0, 10)}: copy the checksum of ${r.name}`, onclick: () => copy(page, r.sha256)}, r.sha256.slice(0, 10))));
        redraw(list, () => [files.length > 0 && h('ul', {class: 'files'}, files),
            wanted && h('p', {class: 'muted', role: 'status'}, `The ${wanted.format.toUpperCase()} file is being made …`),
            made === 0 && !files.length && h('p', {class: 'muted'}, 'Records can be had as files and reports once they are loaded.'),
            made > 0 && !files.length && !page.can('operator') && h('p', {class: 'muted'}, `${plural(made, 'record')} are loaded. An operator can make a file of them.`),
            made > 0 && page.can('operator') && h('div', {class: 'row'}, ['csv', 'ndjson'].map(makes), reports)]);
    }
    async function load() {
        clearTimeout(timer);
        try {
            const answer = await page.api.get(jobPath(get().job_id, 'results'), {signal: page.signal});
            results = answer.results;
            made = answer.records ?? 0;
            /* The same records give the same file, which is left as it is: that its job is done says that it is there. */
            const asked = wanted && await page.api.get(jobPath(wanted.id), {signal: page.signal});
            const fresh = asked?.status === 'COMPLETED' && results.find((r) => r.name === FORMS[wanted.format].file);
            if (asked?.status === 'FAILED') {
                wanted = null;
                page.toast('The file cannot be made', {tone: 'warn', text: asked.error_details || reasonText(asked.reason)});
            } else if (fresh) {
                wanted = null;
                h('a', {href: link(fresh.name), download: ''}).click();
                page.toast('The file is ready', {text: `${fresh.name}, ${bytes(fresh.bytes)}`});
            } else if (wanted && Date.now() > wanted.until) {
                wanted = null;
                page.toast('The file is not there yet', {tone: 'warn', text: 'The daemon has not made it. Is it running?'});
            }
            draw();
        } catch (error) {
            if (!isAbort(error) && !results)
                fill(list, h('p', {class: 'error-text'}, error.message), button('Try again', {class: 'small', icon: 'refresh', onclick: load}));
        }
        /* Those that the source has made of each job come a little after the job is complete; nobody tells of them. */
        const awaited = results && made > 0 && get().process === 'auto' && !results.some((r) => r.name === 'results.json') && now() - Date.parse(get().completed_at) < 120000;
        if (wanted || awaited)
            timer = setTimeout(load, wanted ? 1000 : 2000);
    }
    load();
    page.leave(() => clearTimeout(timer));
    return {element: card('Results', list), load, soon() { if (!wanted) { clearTimeout(timer); timer = setTimeout(load, 1500); } }};
}

/* ---- the page ---- */

export async function render(root, {id}, page) {
    let job = await page.api.get(jobPath(id), {signal: page.signal});
    const get = () => job;
    const head = h('div'), why = h('div', {class: 'stack'}), left = h('div', {class: 'stack'}), money_ = h('div', {class: 'stack'});
    let timer = 0, latest = null, taking = 0; /* of many rows of one moment the last is shown */

    const acts = makeActs(page, get, (row) => { if (row) take(row); soon(0); });
    let itemed = false; /* its batches have names: it is one of units */
    const word = () => unitWord(job, itemed);
    const batches = batchesCard(page, get, acts, (rows) => { if (!itemed && rows.some((row) => row.item)) { itemed = true; draw(); log.draw(); } }), results = resultsCard(page, get), log = timeline(page, id, () => job.currency ?? '', word);

    /* Only when it says something else, and not below an open menu. */
    let headSays = '';
    function drawHead() {
        const says = JSON.stringify([job.name, job.status, job.priority, job.reason, job.campaign_id, job.unknown_batches, job.failed_units, allowed(job), job.status === 'PROCESSING' ? null : unloaded(job)]);
        if (says !== headSays && !head.querySelector('.menu'))
            redraw(head, () => { headSays = says; return header(page, job, acts); });
    }
    head.addEventListener('menuclose', () => drawHead());

    function draw() {
        page.title(clip(jobTitle(job), 60));
        drawHead();
        redraw(why, () => [failedCard(page, job, acts, word()), whyCard(job, word())]);
        redraw(left, () => progressCard(job, word()));
        redraw(money_, () => [moneyCard(job), factsCard(job), criteriaCard(page, job)]);
    }
    /* A row of the stream is laid over what is known; what only the whole job has (why, the criteria) is asked for soon after. */
    function take(row) {
        const moved = row.status !== job.status || row.reason !== job.reason, loadedBefore = job.success_count;
        job = {...job, ...(moved ? {why: ''} : {}), ...row};
        draw();
        batches.soon();
        log.soon();
        if (moved || loadedBefore !== job.success_count)
            results.soon();
        return moved;
    }
    async function reload() {
        timer = 0;
        try {
            job = await page.api.get(jobPath(id), {signal: page.signal});
            draw();
        } catch (error) {
            if (error.status === 404) {
                fill(root, emptyState('Not there', 'This job is gone.', h('a', {class: 'btn', href: '/jobs'}, 'Back to the list')));
            } /* else the banner of the shell says that there is no connection */
        }
    }
    function soon(ms = 1500) {
        timer ||= setTimeout(reload, ms);
    }
    page.leave(() => { clearTimeout(timer); clearTimeout(taking); });
    page.every(15000, () => { if (job.status === 'PROCESSING' && job.why) soon(0); }); /* what it waits for */

    root.append(head, why, h('div', {class: 'grid main-side'}, h('div', {class: 'stack'}, left, batches.element, log.element), h('div', {class: 'stack'}, money_, results.element)));
    draw();
    page.on('job', (row) => {
        if (row.job_id !== id)
            return;
        latest = row;
        taking ||= setTimeout(() => {
            taking = 0;
            soon(take(latest) ? 100 : 3000);
        }, 150);
    });
    page.know([job]);
    page.on('file', (row) => { if (row.job_id === id) batches.soon(); });
    page.on('resync', () => { reload(); batches.reload(); log.reload(); results.load(); });
    page.on('state', (state) => { if (state === 'live') soon(0); });
    page.keys({
        l: {help: 'Load what was captured', run: () => { if (page.can('operator') && allowed(job).process) acts.process(head.querySelector('.btn')); }},
        r: {help: 'Retry, or release', run: () => { if (page.can('operator')) { if (allowed(job).release) acts.release(head.querySelector('.btn')); else if (allowed(job).retry) acts.retry(head.querySelector('.btn')); } }},
        u: {help: 'Back to the list', run: () => page.navigate('/jobs')},
    });
}
