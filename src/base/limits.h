// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

/* Bounds of everything that comes from outside (THREATS 4.1, 4.2). */
#define LIMIT_JOB_FILE_BYTES (1024u * 1024u)       /* a criteria, source or configuration file */
#define LIMIT_JSON_DEPTH 32u                       /* of those files */
#define LIMIT_JSON_KEYS 1000u                      /* members of one object in those files */
#define LIMIT_PAYLOAD_DEPTH 128u                   /* of a provider's answer */
#define LIMIT_RESPONSE_BYTES (64u * 1024u * 1024u) /* default of max_response_bytes */
#define LIMIT_HEADER_BYTES (64u * 1024u)           /* all headers of one answer */
#define LIMIT_NAME_BYTES 64u                       /* campaign, source, step, secret names */
#define LIMIT_BATCHES 1000000u                     /* of one job */
#define LIMIT_EVENT_BYTES (4u * 1024u * 1024u)     /* one journal line; `accepted` carries the escaped job text */
#define LIMIT_POINTER_BYTES 512u                   /* a JSON Pointer in a source */
#define LIMIT_RETRY_AFTER_S 3600                   /* Retry-After is clamped to [1 s, 1 h] */
#define LIMIT_TOKEN_BYTES 8192u                    /* a cursor or the URL of a next page, with its NUL */

#endif
