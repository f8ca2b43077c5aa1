// SPDX-License-Identifier: Apache-2.0
/* Sending a file so that its progress can be seen (fetch cannot show it). upload(path, file, {type, query, headers, onprogress, signal}) -> the answer's object; ApiError
 * as api.js throws it. And what is known of a file before it is sent. */
import {ApiError, refresh, session} from './api.js';

export const DOCUMENT_BYTES_MAX = 64 << 20;
const TYPES = [['application/pdf', /\.pdf$/i, [0x25, 0x50, 0x44, 0x46]], ['image/png', /\.png$/i, [0x89, 0x50, 0x4e, 0x47]], ['image/jpeg', /\.jpe?g$/i, [0xff, 0xd8, 0xff]],
    ['image/tiff', /\.tiff?$/i, [0x49, 0x49, 0x2a, 0x00], [0x4d, 0x4d, 0x00, 0x2a]]];

/* The name as the server takes it: letters, digits, . _ and -. */
export function safeName(name) {
    const plain = name.normalize('NFKD').replace(/[\u0300-\u036f]/g, '').replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^[^A-Za-z0-9_]+/, '');
    const dot = plain.lastIndexOf('.');
    const [stem, end] = dot > 0 ? [plain.slice(0, dot), plain.slice(dot)] : [plain, ''];
    return `${stem.slice(0, 128 - end.length) || 'document'}${end}`;
}

/* What its first bytes say; the name only decides when they say nothing. -> {type} or {why} */
export function documentType(name, bytes, size) {
    if (!size)
        return {why: 'The file is empty'};
    if (size > DOCUMENT_BYTES_MAX)
        return {why: `Larger than ${DOCUMENT_BYTES_MAX >> 20} MiB`};
    for (const [type, , ...magics] of TYPES)
        if (magics.some((magic) => magic.every((byte, at) => bytes[at] === byte)))
            return {type};
    const named = TYPES.find(([, pattern]) => pattern.test(name));
    return {why: named ? `It is named as ${named[0].split('/')[1].toUpperCase()} but is none` : 'Not a PDF, TIFF, JPEG or PNG; save it as PDF'};
}

export async function upload(path, file, options) {
    try {
        return await once(path, file, options);
    } catch (error) {
        if (error.status !== 401 || !await refresh())
            throw error;
        return once(path, file, options);
    }
}

function once(path, file, {type, query = {}, headers = {}, onprogress = () => {}, signal}) {
    return new Promise((resolve, reject) => {
        const request = new XMLHttpRequest(), params = new URLSearchParams(query).toString();
        request.open('POST', params ? `${path}?${params}` : path);
        for (const [name, value] of Object.entries({Accept: 'application/json', 'Content-Type': type, [session.csrfHeader]: session.csrf, ...headers}))
            request.setRequestHeader(name, value);
        request.upload.onprogress = (event) => onprogress(event.loaded, event.total || file.size);
        request.onload = () => {
            let answer = {};
            try {
                answer = JSON.parse(request.responseText) ?? {};
            } catch { /* no JSON: the status must do */ }
            if (request.status >= 200 && request.status < 300)
                resolve(answer);
            else
                reject(new ApiError(request.status, answer, Number(request.getResponseHeader('Retry-After')) || null));
        };
        request.onerror = () => reject(new ApiError(0, {detail: 'The connection broke while the file was sent.'}));
        request.onabort = () => reject(new DOMException('aborted', 'AbortError'));
        if (signal?.aborted)
            return request.abort();
        signal?.addEventListener('abort', () => request.abort(), {once: true});
        request.send(file);
    });
}
