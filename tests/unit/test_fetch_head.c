// SPDX-License-Identifier: Apache-2.0
#include "net/fetch_head.h"

#include "base/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char *const wanted[] = {"X-Total-Count", "T", "link", NULL};

static bool lines(struct fetch_head *head, const char *const *text) {
    for (; *text != NULL; text++) {
        if (!fetch_head_line(head, wanted, *text, strlen(*text))) {
            return false;
        }
    }
    return true;
}

static void test_values(void **state) {
    (void)state;
    static const char *const text[] = {"HTTP/1.1 200 OK\r\n",
                                       "Content-Type: application/json \r\n",
                                       "x-total-COUNT:  7132\r\n",
                                       "CF-Request-ID: ab\tc\x1b[31m\r\n",
                                       "Retry-After: 5\r\n",
                                       "HTTP/1.1 666: not a status line here\r\n",
                                       "no colon\r\n",
                                       "LINK: </a>; rel=next\r\n",
                                       "Link: </b>\r\n",
                                       "Location: /next\r\n",
                                       "Content-Type: text/html\r\n",
                                       "\r\n",
                                       "X-Request-Id: trailer\r\n",
                                       NULL};
    struct fetch_head head = {0};
    assert_true(lines(&head, text));
    assert_int_equal(head.status, 200);
    assert_true(head.ended);
    assert_string_equal(head.content_type, "application/json");
    assert_int_equal(head.fields.count, 2);
    assert_string_equal(fields_get(&head.fields, "X-Total-Count"), "7132");
    assert_string_equal(fields_get(&head.fields, "Link"), "</a>; rel=next, </b>");
    assert_string_equal(head.request_id, "ab?c?[31m");
    assert_string_equal(head.retry_after, "5");
    assert_string_equal(head.location, "/next");
    fields_release(&head.fields);
}

static void test_interim_answers_say_nothing(void **state) {
    (void)state;
    static const char *const text[] = {"HTTP/1.1 103 Early Hints\r\n", "X-Total-Count: 1\r\n", "Location: /wrong\r\n", "\r\n", NULL};
    static const char *const rest[] = {"HTTP/2 429\r\n", "request-id: r1\r\n", "\r\n", NULL};
    struct fetch_head head = {0};
    assert_true(lines(&head, text));
    assert_int_equal(head.status, 0);
    assert_false(head.ended);
    assert_true(lines(&head, rest));
    assert_int_equal(head.status, 429);
    assert_true(head.ended);
    assert_int_equal(head.fields.count, 0);
    assert_string_equal(head.location, "");
    assert_string_equal(head.request_id, "r1");
}

static void test_all_headers_together_are_bounded(void **state) {
    (void)state;
    static const char *const interim[] = {"HTTP/1.1 100 Continue\r\n", "\r\n", NULL};
    struct fetch_head head = {0};
    size_t bytes = 0;
    while (lines(&head, interim)) {
        bytes += 25;
        assert_true(bytes <= LIMIT_HEADER_BYTES);
    }
    assert_true(bytes > LIMIT_HEADER_BYTES - 50);
}

static void test_long_values(void **state) {
    (void)state;
    static char line[6000];
    memset(line, 'a', sizeof(line));
    struct fetch_head head = {0};
    assert_true(fetch_head_line(&head, wanted, "HTTP/1.1 302\r\n", 14));
    memcpy(line, "T: ", 3);
    assert_true(fetch_head_line(&head, wanted, line, sizeof(line)));
    assert_int_equal(strlen(fields_get(&head.fields, "t")), sizeof(line) - 3); /* whole: a cursor, a link */
    memcpy(line, "Location: ", 10);
    assert_true(fetch_head_line(&head, NULL, line, sizeof(line)));
    assert_string_equal(head.location, "");
    memcpy(line, "Content-Type: ", 14);
    assert_true(fetch_head_line(&head, NULL, line, sizeof(line)));
    assert_int_equal(strlen(head.content_type), 127);
    fields_release(&head.fields);
}

static void test_nonsense(void **state) {
    (void)state;
    static const char *const text[] = {"HTTP/1.1\r\n", ": \r\n", ":\r\n", "\r\n", "", NULL};
    struct fetch_head head = {0};
    assert_true(lines(&head, text));
    assert_int_equal(head.status, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_interim_answers_say_nothing),
        cmocka_unit_test(test_all_headers_together_are_bounded),
        cmocka_unit_test(test_long_values),
        cmocka_unit_test(test_nonsense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
