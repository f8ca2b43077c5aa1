// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/prometheus.h"

static void expect(const char *value, const char *wanted) {
    struct buf out = BUF_INIT(100);
    assert_int_equal(prometheus_label(&out, value), RC_OK);
    assert_string_equal(buf_text(&out), wanted);
    buf_release(&out);
}

/* As the text format wants it: backslash, quote and line feed escaped, everything else as it is. */
static void labels(void **state) {
    (void)state;
    expect("", "\"\"");
    expect("propertyradar", "\"propertyradar\"");
    expect("a\"b\\c\nd", "\"a\\\"b\\\\c\\nd\"");
    expect("} 1\n# TYPE x", "\"} 1\\n# TYPE x\"");
    expect("Größe", "\"Größe\"");
}

static void samples(void **state) {
    const char *const labels[] = {"source", "a", "currency", "USD", NULL};
    struct buf out = BUF_INIT(1000);
    (void)state;
    prometheus_one(&out, "up", "gauge", "Whether.", 1);
    prometheus_sample(&out, "cost_total", labels, 12.5);
    prometheus_sample(&out, "big", NULL, 9007199254740991.0);
    assert_string_equal(buf_text(&out), "# HELP batchspool_up Whether.\n# TYPE batchspool_up gauge\nbatchspool_up 1\n"
                                        "batchspool_cost_total{source=\"a\",currency=\"USD\"} 12.5\nbatchspool_big 9007199254740991\n");
    buf_release(&out);
}

static void is_bounded(void **state) {
    struct buf out = BUF_INIT(4);
    (void)state;
    assert_int_equal(prometheus_label(&out, "longer"), RC_PERM);
    buf_release(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(labels), cmocka_unit_test(samples), cmocka_unit_test(is_bounded)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
