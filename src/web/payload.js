// SPDX-License-Identifier: Apache-2.0
/* The raw bytes of a batch, as text: a part at a time, indented when they are one whole JSON document of bounded size. */
import {h, fill, button} from './dom.js';
import {bytes, num, plain, clip} from './format.js';
import {openDialog} from './dialog.js';
import {job as jobPath, isAbort} from './api.js';

const PART = 64 << 10;
const PRETTY_MOST = 1 << 20;
const LINE_MOST = 20000;

/* One line of megabytes would stop the browser: long ones are cut into lines. */
const lines = (text) => text.replace(new RegExp(`[^\\n]{${LINE_MOST}}`, 'g'), '$&\n');

/* JSON re-indented without parsing it: every number and every text stays as the provider wrote it. What would become too long by it stays as it is. */
export function indent(text) {
    const out = [], most = text.length * 8 + 10000;
    let depth = 0, at = 0, length = 0;
    const line = () => {
        length += Math.min(depth, 40) * 2 + 2;
        return `\n${'  '.repeat(Math.min(depth, 40))}`;
    };
    const token = /"(?:[^"\\]|\\.)*"|[[\]{},:]|[^\s"[\]{},:]+|\s+/gsy;
    for (let match; (match = token.exec(text)) !== null; at = token.lastIndex) {
        const part = match[0];
        if (length > most)
            return text;
        if (part === '{' || part === '[') {
            const end = /\s*[\]}]/sy;
            end.lastIndex = token.lastIndex;
            const empty = end.exec(text);
            if (empty) {
                out.push(part, empty[0].trim());
                token.lastIndex = end.lastIndex;
            } else {
                depth++;
                out.push(part, line());
            }
        } else if (part === '}' || part === ']') {
            depth = Math.max(0, depth - 1);
            out.push(line(), part);
        } else if (part === ',')
            out.push(',', line());
        else if (part === ':')
            out.push(': ');
        else if (/\S/.test(part))
            out.push(part);
    }
    out.push(text.slice(at)); /* a text that was cut off stays as it is */
    return out.join('');
}

export function showPayload(page, id, file) {
    const path = jobPath(id, `files/${file.batch_number}/raw`);
    const view = h('pre', {class: 'code', tabindex: '0', 'aria-label': `Payload of batch ${file.batch_number}`}, 'Loading …');
    const about = h('span', {class: 'muted small grow'});
    let offset = 0, pretty = true, shownText = '', end = false;
    const back = button('Back', {icon: 'left', class: 'small', onclick: () => { offset = Math.max(0, offset - PART); load(); }});
    const next = button('Next part', {icon: 'right', class: 'small', onclick: () => { offset += PART; load(); }});
    const whole = button('All of it', {class: 'small', onclick: () => { offset = 0; load(PRETTY_MOST); }});
    const as = button('Indented', {class: 'small', 'aria-pressed': 'true', onclick: () => { pretty = !pretty; as.setAttribute('aria-pressed', String(pretty)); draw(); }});
    const shown = openDialog({title: `Batch ${file.batch_number}: what the source answered`, wide: true,
        content: [h('div', {class: 'muted small mono'}, h('p', {}, clip(file.file_path, 300)), file.sha256 && h('p', {}, `sha256 ${file.sha256}`)), h('div', {class: 'toolbar'}, about, as, whole, back, next), view]});
    const abort = new AbortController();
    shown.closed.then(() => abort.abort());
    page.signal.addEventListener('abort', () => { abort.abort(); shown.close(); }, {once: true});

    const draw = () => fill(view, lines(plain(pretty ? indent(shownText) : shownText)));
    async function load(length = PART) {
        try {
            const response = await page.api.request('GET', path, {query: {offset, length}, want: 'response', headers: {Accept: '*/*'}, signal: abort.signal});
            const part = new Uint8Array(await response.arrayBuffer());
            shownText = new TextDecoder().decode(part);
            const total = Number(response.headers.get('X-Total-Bytes') ?? file.bytes);
            end = offset + part.length >= total || part.length === 0;
            about.textContent = total <= part.length ? `${bytes(total)}, all of it` : `Bytes ${num(offset)} to ${num(offset + part.length)} of ${num(total)}`;
            back.disabled = offset === 0;
            next.disabled = end;
            back.hidden = next.hidden = total <= part.length;
            whole.hidden = total > PRETTY_MOST || total <= part.length;
            draw();
            view.scrollTop = 0;
        } catch (error) {
            if (!isAbort(error))
                fill(view, error.message);
        }
    }
    back.hidden = next.hidden = whole.hidden = true;
    load();
}
