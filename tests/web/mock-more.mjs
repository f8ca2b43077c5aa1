// SPDX-License-Identifier: Apache-2.0
/* Further routes of mock.mjs: new jobs, previews, sources, searches, schedules, money, audit, health, users, uploads. */
import fs from 'node:fs';
import {createHash, randomBytes} from 'node:crypto';

const etc = new URL('../../etc/sources/', import.meta.url);
const read = (name) => JSON.parse(fs.readFileSync(new URL(name, etc), 'utf8').replace(/^\s*\/\/.*$/gm, ''));
const PRICES = {propertyradar: '0.05', demo: '0.002'};
const DEFAULTS = {propertyradar: {fields: {type: 'string', default: 'Overview', minimum: 1, maximum: 4000}}, pets: {status: {type: 'string', default: 'available'}, prefer: {type: 'string', default: ''}}};

export function routes({state, emit, paged, Problem, iso, visible, makeJob}) {
    const now = () => iso(Date.now());
    const paused = new Map([['pets', {by: 'ops', since: iso(Date.now() - 3.6e6), reason: 'invoice under dispute <b>', until: null}]]);
    const rates = new Map();
    const searches = new Map([['absentee-reno', {name: 'absentee-reno', source: 'propertyradar', shared: true, owner: 'admin', created_at: iso(Date.now() - 8e7), updated_at: iso(Date.now() - 5e6), job: {name: 'Absentee owners, Reno', campaign_id: 'NV-2026-11', max_cost: '250.00', criteria: [{name: 'State', value: ['NV']}, {name: 'City', value: ['Reno']}, {name: 'isSameMailingOrExempt', value: [0]}, {name: 'AvailableEquity', value: [[100000, null]]}, {name: 'LastTransferRecDate', value: ['from: to: 1/1/2016']}, {name: 'InList', value: ['L123'], chipLabel: 'My list'}]}}],
        ['mine', {name: 'mine', source: 'demo', shared: false, owner: 'operator', created_at: now(), updated_at: now(), job: {name: 'Demo', criteria: [{name: 'Count', value: [500]}]}}]]);
    const schedules = new Map([['nightly', {schedule: 'nightly', state: 'on', enabled: true, name: 'Every night', cron: '0 6 * * 1-5', timezone: 'America/New_York', missed_runs: 'once', next: iso(Date.now() + 4e7), next_local: '2026-11-30T06:00:00-05:00', last: iso(Date.now() - 5e7), job_id: state.jobs[20]?.job_id ?? null, status: 'COMPLETED', missed: 0, missed_until: null, created_by: 'admin', definition: {cron: '0 6 * * 1-5', timezone: 'America/New_York', missed: 'once', name: 'Every night', job: {source: 'propertyradar', name: 'nightly', process: 'auto', criteria: [{name: 'State', value: ['CA']}]}}}],
        ['broken', {schedule: 'broken', state: 'wrong', enabled: false, error: 'schedules/broken.json: line 3, column 12: cron: "61 * * * *": a minute is 0 to 59', last: null, job_id: null, status: null, missed: 3, missed_until: iso(Date.now() - 1e7), created_by: 'operator', definition: {cron: '61 * * * *', job: {source: 'demo'}}}]]);
    const users = new Map([['admin', 'admin'], ['operator', 'operator'], ['viewer', 'viewer'], ['old-hand', 'operator']].map(([name, role]) => [name, {name, role, disabled: name === 'old-hand', created_at: iso(Date.now() - 9e9)}]));

    const sourceNames = () => fs.readdirSync(etc).filter((name) => name.endsWith('.json') && !name.endsWith('.builder.json')).map((name) => name.slice(0, -5)).sort();
    function source(name, detail = false) {
        if (name === 'broken')
            return {name, ok: false, error: 'sources/broken.json: line 7, column 3: "paginatr" is not a member; did you mean "paginator"?'};
        let definition;
        try {
            definition = read(`${name}.json`);
        } catch {
            throw new Problem(404, 'There is no such source.');
        }
        const metered = Boolean(definition.metering), hasBuilder = fs.existsSync(new URL(`${name}.builder.json`, etc));
        const stop = paused.get(name);
        const answer = {name, ok: true, paused: stop ? `by ${stop.by}${stop.until ? ` until ${stop.until}` : ''}${stop.reason ? `: ${stop.reason}` : ''}` : null, rate: rates.get(name) ?? null, paginator: definition.paginator?.type ?? 'single_page', steps: 1, metered,
            ...(metered ? {cost_per_record: PRICES[name], currency: 'USD'} : {}),
            limits: {concurrency: 2, max_concurrency: definition.concurrency_level?.max_concurrency ?? 4, circuit_breaker: name === 'pouchdb' ? 'open' : 'closed', ...(name === 'pouchdb' ? {paused: 'dead_host', paused_until: iso(Date.now() + 6e4)} : {}),
                budgets: definition.api_budget ? [{type: 'moving_window', limit: 60, seconds: 60, used: 37, left: 23}] : [],
                ...(metered ? {daily_cost: {cap: '500', spent: '312.45', in_doubt: '20.00', left: '167.55', currency: 'USD', timezone: 'UTC', resets_at: iso(Math.ceil(Date.now() / 864e5) * 864e5)}} : {})}};
        return detail ? {...answer, batch_size: {default: definition.paginator?.limit ?? 100, maximum: definition.paginator?.max_limit ?? 500}, job_members: DEFAULTS[name] ?? {}, builder: hasBuilder ? read(`${name}.builder.json`) : null} : {...answer, builder: hasBuilder};
    }
    const check = (job) => {
        const errors = [];
        if (!job.source || (!sourceNames().includes(job.source)))
            errors.push({pointer: '/source', detail: `there is no source "${job.source}" (did you mean "propertyradar"?)`});
        for (const [at, criterion] of (Array.isArray(job.criteria) ? job.criteria : []).entries())
            if (criterion.name === 'SiteCity')
                errors.push({pointer: `/criteria/${at}/name`, detail: 'Unexpected Criterion: SiteCity'});
        if (Number(job.max_cost) > 100000)
            errors.push({pointer: '/max_cost', detail: 'more than the daily cap of the source, 500 USD'});
        if (errors.length)
            throw new Problem(422, 'The job has errors.', {errors});
    };
    const asked = (c, job, mode = 'run') => {
        check(job);
        const row = makeJob(0, 'PENDING');
        Object.assign(row, {name: job.name ?? '', source: job.source, campaign_id: job.campaign_id ?? 'x', priority: job.priority ?? 'normal', process: job.process ?? 'manual', created_by: c.user.name, created_at: now(), updated_at: now(), total_records: null, currency: PRICES[job.source] ? 'USD' : '', mode});
        if (mode === 'run') {
            state.jobs.unshift(row);
            emit('job', row);
        }
        c.status = mode === 'run' ? 201 : 202;
        c.res.setHeader('Location', `/api/batch-jobs/${row.job_id}`);
        return row;
    };
    const mine = (c, thing) => c.user.role === 'admin' || thing.owner === c.user.name || thing.created_by === c.user.name;
    const scheduleRow = ({definition, ...row}) => row;
    const figures = (place) => {
        const status = {pending: 'PENDING', processing: 'PROCESSING', deferred: 'DEFERRED', hold: 'HELD'}[place], of = {depth: 0, oldest_s: null};
        for (const priority of ['urgent', 'high', 'normal', 'low']) {
            const jobs = state.jobs.filter((job) => job.status === status && job.priority === priority);
            of[priority] = {depth: jobs.length, oldest_s: jobs.length ? Math.max(...jobs.map((job) => Math.round((Date.now() - Date.parse(job.created_at)) / 1000))) : null};
            of.depth += jobs.length;
            if (jobs.length)
                of.oldest_s = Math.max(of.oldest_s ?? 0, of[priority].oldest_s);
        }
        return of;
    };
    const queue = () => Object.fromEntries(['pending', 'processing', 'deferred', 'hold'].map((place) => [place, figures(place)]));
    const counts = () => Object.fromEntries(['PENDING', 'PROCESSING', 'COMPLETED', 'FAILED', 'DEFERRED', 'HELD', 'CANCELLED'].map((status) => [status, state.jobs.filter((job) => job.status === status).length]));
    const wave = (i, size, seed) => Math.max(0, Math.round(size * (1 + Math.sin(i / 5 + seed)) / 2 + size * 0.2 * Math.sin(i * 1.7 + seed)));
    const span = (text) => Number(text.slice(0, -1)) * {m: 60, h: 3600, d: 86400}[text.at(-1)];

    return [
        ['POST', /^\/api\/batch-jobs$/, (c) => asked(c, c.body), 'operator'],
        ['POST', /^\/api\/preview$/, async (c) => {
            check(c.body);
            await new Promise((resolve) => setTimeout(resolve, 600));
            if (c.body.name === 'no daemon')
                throw new Problem(503, 'No daemon runs: previews are made by it. Start batchspoold.');
            const count = Array.isArray(c.body.criteria) ? c.body.criteria.find((x) => x.name === 'Count')?.value[0] : undefined;
            const total = count ?? Math.max(3, 48211 >> (Array.isArray(c.body.criteria) ? c.body.criteria.length * 2 : 0)), planned = Math.min(total, c.body.take ?? total), price = Number(PRICES[c.body.source] ?? 0);
            const cost = (planned * price).toFixed(2), guards = [];
            if (c.body.max_cost && Number(c.body.max_cost) < Number(cost))
                guards.push({reason: 'max_cost', error: `the search costs ${cost} USD for ${planned} records, max_cost is ${c.body.max_cost}`});
            return {job_id: 'x', source: c.body.source, metered: price > 0, total, planned, requests: Math.ceil(planned / 400), records: planned, records_from: 'preview', ...(price ? {cost, currency: 'USD'} : {}), seconds: Math.ceil(planned / 400) * 1.7, queue_seconds: 12, days: Number(cost) > 500 ? Math.ceil(Number(cost) / 500) : 1, basis: 'history of 25 pages', guards};
        }, 'operator'],
        ['GET', /^\/api\/sources$/, () => ({sources: [...sourceNames(), 'broken'].map((name) => source(name))})],
        ['GET', /^\/api\/sources\/([\w-]+)$/, (c, name) => source(name, true)],
        ['GET', /^\/api\/sources\/([\w-]+)\/suggest$/, (c, name) => {
            const field = c.q.get('field'), q = c.q.get('q').toLowerCase();
            if (name !== 'propertyradar')
                return {available: false, suggestions: []};
            return {available: true, suggestions: field === 'County' ? [['Washoe, NV', 32031], ['Los Angeles, CA', 6037], ['Clark, NV', 32003]].filter(([label]) => label.toLowerCase().includes(q)).map(([label, value]) => ({label, value}))
                : [`${q} Main St, Reno, NV 89501`, `${q} Main St, Sparks, NV 89431`].map((label) => ({label, value: [{name: 'Address', value: [`${c.q.get('q')} Main St`]}, {name: 'City', value: [label.includes('Reno') ? 'Reno' : 'Sparks']}, {name: 'State', value: ['NV']}, {name: 'ZipFive', value: [label.slice(-5)]}]}))};
        }, 'operator'],
        ['POST', /^\/api\/sources\/([\w-]+)\/(pause|resume|rate)$/, (c, name, act) => {
            source(name);
            if (act === 'rate' && c.body.rates?.some((rate) => !/^P/.test(rate.interval)))
                throw new Problem(422, 'The rate has errors.', {errors: [{pointer: '/rates/0/interval', detail: 'a duration such as PT1M'}]});
            setTimeout(() => {
                if (act === 'pause')
                    paused.set(name, {by: c.user.name, since: now(), until: c.body?.until ?? null, reason: c.body?.reason ?? ''});
                else if (act === 'resume')
                    paused.delete(name);
                else if (c.body.default)
                    rates.delete(name);
                else
                    rates.set(name, [...(c.body.rates ?? []).map((rate) => `${rate.limit} in ${rate.interval}`), ...(c.body.concurrency ? [`${c.body.concurrency} at a time`] : [])].join(', '));
                emit('queue', {daemon: {running: true}, queue: queue(), counts: counts()});
            }, 500);
            return asked(c, {source: name}, 'source');
        }, 'operator'],
        ['GET', /^\/api\/queue\/status$/, () => ({daemon: {running: true, pid: 4711, since: iso(Date.now() - 9e6)}, queue: queue(), slots: {used: 3, max: 8},
            paused: [...paused].map(([name, stop]) => ({file: `${name}.pause`, source: name, ...stop, until: stop.until ?? undefined})),
            sources: sourceNames().map((name) => ({source: name, paused: source(name).paused, rate: rates.get(name) ?? null, ...Object.fromEntries(['pending', 'processing', 'deferred', 'hold'].map((place) => [place, state.jobs.filter((job) => job.source === name && job.status === {pending: 'PENDING', processing: 'PROCESSING', deferred: 'DEFERRED', hold: 'HELD'}[place]).length]))}))})],
        ['GET', /^\/api\/analytics$/, (c) => {
            const window = span(c.q.get('window') ?? '24h'), points = window <= 3600 ? 60 : window <= 86400 ? 96 : 168, all = counts();
            const series = Array.from({length: points}, (_, i) => ({t: iso(Date.now() - (points - i) * window / points * 1000), captured: wave(i, 900, 0), loaded: wave(i, 800, 0.7), completed: wave(i, 4, 2), failed: i % 11 ? 0 : 1, cost: i % 3 ? {USD: (wave(i, 900, 0) * 0.05).toFixed(2)} : {}}));
            return {window_s: window, counts: all, finished: all.COMPLETED + all.FAILED, success_rate: 0.941, error_rate: 0.059, throughput: {records_per_hour: 48211.4, batches_per_hour: 121.2}, series,
                processing_time_ms: {p50: 42, p90: 118, series: series.map(({t}, i) => ({t, p50: i > 3 && i < 9 ? null : 30 + wave(i, 20, 1), p90: i > 3 && i < 9 ? null : 80 + wave(i, 70, 3)}))}, queue: queue(),
                cost: {totals: [{currency: 'USD', records: 481220, spent: '24061.00', in_doubt: '20.00', in_flight: '0', cost_per_record: '0.05'}], caps: [{source: 'propertyradar', currency: 'USD', daily_cost_cap: '500', reserve: '0', used_today: '332.45', left_today: '167.55'}, {source: 'demo', currency: 'USD', daily_cost_cap: '50', reserve: '0', used_today: '49.10', left_today: '0.90'}]},
                users: [{name: 'admin', jobs: 12, records: 120000, cost: {USD: '6000.00'}}, {name: '<i>eve</i>', jobs: 3, records: 900, cost: {}}],
                history: state.jobs.slice(0, 12).map((job) => ({ts: job.updated_at, job_id: job.job_id, source: job.source, campaign_id: job.campaign_id, seq: 9, event: {COMPLETED: 'completed', FAILED: 'failed', HELD: 'held', DEFERRED: 'deferred', CANCELLED: 'cancelled'}[job.status] ?? 'accepted', by: 'daemon'}))};
        }],
        ['GET', /^\/api\/health$/, () => ({status: 'degraded', version: '0.5.0', started_at: iso(Date.now() - 9e6), daemon: {running: true, pid: 4711, since: iso(Date.now() - 9.1e6)}, index: {ready: true, jobs: state.jobs.length}, disk: {free_bytes: 51234567890, total_bytes: 105089261568}, stuck: {held: 12, overdue: 2}, stuck_list: [{kind: 'held', job_id: state.jobs[8]?.job_id, source: 'propertyradar', reason: 'charge_unknown', text: 'a person must decide: charge_unknown: batch 12: <b>reset</b>', go_on: 'ask the provider, then `batchspool release ID --accept-charge`', since: iso(Date.now() - 4e6)}], paused: [...paused.keys()]})],
        ['GET', /^\/api\/money$/, (c) => {
            const by = c.q.get('by') ?? 'source', groups = new Map();
            const rows = state.jobs.filter(visible(c.user)).filter((job) => job.currency);
            for (const job of rows) {
                const key = {source: job.source, campaign: job.campaign_id, owner: job.created_by, day: job.created_at.slice(0, 10), job: job.job_id}[by];
                const group = groups.get(key) ?? {cents: 0, doubt: 0, records: 0};
                group.cents += Math.round(Number(job.cost) * 100);
                group.doubt += Math.round(Number(job.cost_in_doubt) * 100);
                group.records += job.processed_records;
                groups.set(key, group);
            }
            const label = {source: 'source', campaign: 'campaign_id', owner: 'created_by', day: 'day', job: 'job_id'}[by], text = (cents) => (cents / 100).toFixed(2);
            if (by === 'day')
                for (let i = 1; i < 14; i++)
                    groups.set(iso(Date.now() - i * 864e5).slice(0, 10), {cents: wave(i, 40000, 1), doubt: i === 3 ? 2000 : 0, records: wave(i, 8000, 1)});
            const list = [...groups].map(([key, g]) => ({[label]: key, currency: 'USD', records: g.records, spent: text(g.cents), in_doubt: text(g.doubt), in_flight: '0', ...(g.records ? {cost_per_record: (g.cents / 100 / g.records).toFixed(4)} : {}), ...(by === 'source' ? {daily_cost_cap: '500', reserve: '0', used_today: '332.45', left_today: '167.55'} : {})}));
            if (by === 'source')
                list.push({source: 'euro-source', currency: 'EUR', records: 120, spent: '12.00', in_doubt: '0', in_flight: '1.20', cost_per_record: '0.1'});
            return {by, days: 'UTC', rows: list, totals: [{currency: 'USD', records: rows.reduce((a, j) => a + j.processed_records, 0), spent: text(rows.reduce((a, j) => a + Math.round(Number(j.cost) * 100), 0)), in_doubt: '40.00', in_flight: '0', cost_per_record: '0.05'}, ...(by === 'source' ? [{currency: 'EUR', records: 120, spent: '12.00', in_doubt: '0', in_flight: '1.20', cost_per_record: '0.1'}] : [])], daily_cost_caps: [{currency: 'USD', daily_cost_cap: '800', reserve: '0', used_today: '332.45', left_today: '467.55'}], damaged_journal_lines: 1};
        }],
        ['GET', /^\/api\/audit$/, (c) => {
            const all = [{ts: now(), event: 'auth.login', by: 'admin'}, {ts: now(), event: 'key.created', by: 'admin', name: 'cron'}, ...state.jobs.slice(0, 150).flatMap((job) => [
                {ts: job.updated_at, job_id: job.job_id, source: job.source, campaign_id: job.campaign_id, seq: 12, event: {COMPLETED: 'completed', HELD: 'held', FAILED: 'failed'}[job.status] ?? 'requeued', node: 'reno', by: 'daemon', ...(job.reason ? {reason: job.reason} : {})},
                {ts: job.created_at, job_id: job.job_id, source: job.source, campaign_id: job.campaign_id, seq: 1, event: 'accepted', node: 'reno', by: job.created_by, uid: 1000, user: 'ops', uid_of: 'file', ...(job.currency ? {money: job.cost, money_is: 'spent', currency: 'USD'} : {})}])]
                .filter((event) => (!c.q.get('by') || event.by === c.q.get('by')) && (!c.q.get('source') || event.source === c.q.get('source')) && (!c.q.get('event') || c.q.get('event').split(',').includes(event.event)) && (!c.q.get('job') || event.job_id === c.q.get('job')) && (!c.q.get('since') || event.ts >= c.q.get('since')));
            return {...paged(all, c.q, 'events'), total: null};
        }, 'admin'],
        ['DELETE', /^\/api\/cleanup$/, (c) => asked(c, {source: 'demo'}, 'cleanup'), 'admin'],
        ['GET', /^\/api\/searches$/, (c) => ({searches: [...searches.values()].filter((search) => search.shared || mine(c, search))})],
        ['POST', /^\/api\/searches$/, (c) => {
            if (searches.has(c.body.name))
                throw new Problem(409, `There is a search "${c.body.name}" already.`);
            const search = {...c.body, owner: c.user.name, created_at: now(), updated_at: now()};
            searches.set(search.name, search);
            c.status = 201;
            return search;
        }, 'operator'],
        ['GET', /^\/api\/searches\/(.+)$/, (c, name) => searches.get(decodeURIComponent(name)) ?? (() => { throw new Problem(404, 'There is no such search.'); })()],
        ['PUT', /^\/api\/searches\/(.+)$/, (c, name) => {
            const old = searches.get(decodeURIComponent(name));
            if (!old || !mine(c, old))
                throw new Problem(old ? 403 : 404, old ? 'It is another one\'s.' : 'There is no such search.');
            searches.delete(old.name);
            searches.set(c.body.name, {...old, ...c.body, updated_at: now()});
            return searches.get(c.body.name);
        }, 'operator'],
        ['DELETE', /^\/api\/searches\/(.+)$/, (c, name) => { searches.delete(decodeURIComponent(name)); c.status = 204; }, 'operator'],
        ['GET', /^\/api\/schedules$/, () => ({schedules: [...schedules.values()].map(scheduleRow)})],
        ['GET', /^\/api\/schedules\/([\w-]+)$/, (c, name) => schedules.get(name) ?? (() => { throw new Problem(404, 'There is no such schedule.'); })()],
        ['POST', /^\/api\/schedules$/, (c) => {
            const {schedule, ...definition} = c.body;
            if (schedules.has(schedule))
                throw new Problem(409, `There is a schedule "${schedule}" already.`, {errors: [{pointer: '/schedule', detail: 'there is one of that name'}]});
            if (definition.cron?.startsWith('61'))
                throw new Problem(422, 'The schedule has errors.', {errors: [{pointer: '/cron', detail: 'a minute is 0 to 59'}]});
            check(definition.job);
            schedules.set(schedule, {schedule, state: 'on', enabled: true, name: definition.name ?? null, cron: definition.cron, every: definition.every, timezone: definition.timezone, missed_runs: definition.missed, next: iso(Date.now() + 36e5), next_local: null, last: null, job_id: null, status: null, missed: 0, missed_until: null, created_by: c.user.name, definition});
            c.status = 201;
            return schedules.get(schedule);
        }, 'operator'],
        ['PUT', /^\/api\/schedules\/([\w-]+)$/, (c, name) => Object.assign(schedules.get(name), {cron: c.body.cron, every: c.body.every, timezone: c.body.timezone, definition: c.body, state: 'on', enabled: true, error: undefined}), 'operator'],
        ['DELETE', /^\/api\/schedules\/([\w-]+)$/, (c, name) => { schedules.delete(name); c.status = 204; }, 'operator'],
        ['POST', /^\/api\/schedules\/([\w-]+)\/(pause|resume|run)$/, (c, name, act) => {
            const schedule = schedules.get(name);
            if (act === 'run') {
                if (schedule.state === 'wrong')
                    throw new Problem(409, schedule.error);
                return asked(c, schedule.definition.job);
            }
            return Object.assign(schedule, act === 'pause' ? {state: 'off', enabled: false, next: null} : {state: 'on', enabled: true, next: iso(Date.now() + 36e5)});
        }, 'operator'],
        ['GET', /^\/api\/users$/, () => ({users: [...users.values()]}), 'admin'],
        ['POST', /^\/api\/users$/, (c) => {
            if (users.has(c.body.name))
                throw new Problem(409, 'There is a user of that name.', {errors: [{pointer: '/name', detail: 'there is one already'}]});
            users.set(c.body.name, {name: c.body.name, role: c.body.role, disabled: false, created_at: now()});
            c.status = 201;
            return users.get(c.body.name);
        }, 'admin'],
        ['PATCH', /^\/api\/users\/(.+)$/, (c, name) => { const {password, ...rest} = c.body; return Object.assign(users.get(name), rest); }, 'admin'],
        ['DELETE', /^\/api\/users\/(.+)$/, (c, name) => { users.delete(name); c.status = 204; }, 'admin'],
        ['POST', /^\/api\/v1\/batch-processing\/start$/, (c) => {
            if (c.body.name !== 'ok')
                throw new Problem(422, 'The job has errors.', {errors: [{pointer: '/source', detail: 'there is no source "pagespeed"'}]});
            return asked(c, {...c.body, source: 'demo'});
        }, 'operator'],
        ['POST', /^\/api\/lease-processing\/upload$/, (c) => {
            const name = c.q.get('name') ?? 'document.pdf';
            if (!/^[A-Za-z0-9_][A-Za-z0-9._-]*$/.test(name))
                throw new Problem(400, 'The name has other characters than letters, digits, . _ and -.');
            if (name.startsWith('empty'))
                throw new Problem(422, 'The document is empty.');
            if (name.startsWith('nosource'))
                throw new Problem(422, 'The job has errors.', {errors: [{pointer: '/source', detail: 'there is no source "lease"'}]});
            return asked(c, {source: 'demo', name, campaign_id: 'leases'});
        }, 'operator'],
        ['POST', /^\/api\/documents$/, (c) => { c.status = 201; return {document_id: createHash('sha256').update(randomBytes(8)).digest('hex'), bytes: c.body.length, name: c.q.get('name')}; }, 'operator'],
    ];
}
