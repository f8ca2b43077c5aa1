// SPDX-License-Identifier: Apache-2.0
#include "base/json_schema.h"

#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_keywords(void **state) {
    (void)state;
    static const struct {
        const char *schema, *problem; /* NULL: none */
    } cases[] = {
        {"{}", NULL},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":[\"string\",\"null\"]}},\"required\":[\"a\"],\"additionalProperties\":false}", NULL},
        {"{\"$schema\":\"x\",\"$id\":\"y\",\"$comment\":\"\",\"title\":\"\",\"description\":\"\",\"default\":3}", NULL},
        {"{\"$defs\":{\"d\":{\"type\":\"string\",\"format\":\"date\"}},\"items\":{\"$ref\":\"#/$defs/d\"}}", NULL},
        {"{\"enum\":[1,null],\"const\":2,\"minimum\":-1,\"maximum\":1.5,\"exclusiveMinimum\":0,\"exclusiveMaximum\":9,\"minLength\":0,\"maxLength\":3,"
         "\"minItems\":1,\"maxItems\":2}",
         NULL},
        {"{\"pattern\":\"^[A-Z]{2}(a|b)+.?$\"}", NULL},
        {"{\"anyOf\":[]}", "/anyOf: is a keyword that is not checked here"},
        {"{\"properties\":{\"a\":{\"oneOf\":[]}}}", "/properties/a/oneOf: is a keyword that is not checked here"},
        {"{\"properties\":{\"anyOf\":{\"type\":\"string\"}}}", NULL}, /* a name, not a keyword */
        {"{\"type\":\"text\"}", "/type: must be a type, or a list of types"},
        {"{\"type\":[]}", "/type: must be a type, or a list of types"},
        {"{\"required\":\"a\"}", "/required: must be a list of names"},
        {"{\"additionalProperties\":{}}", "/additionalProperties: must be true or false"},
        {"{\"items\":[]}", "/items: must be an object"},
        {"{\"minLength\":-1}", "/minLength: must be a number of things"},
        {"{\"minimum\":\"1\"}", "/minimum: must be a number"},
        {"{\"format\":\"email\"}", "/format: may be \"date\" alone"},
        {"{\"pattern\":\"^\\\\d+$\"}", "/pattern: is no pattern of the simple kind"},
        {"{\"pattern\":\"(?=a)\"}", "/pattern: is no pattern of the simple kind"},
        {"{\"pattern\":\"[[:alpha:]]\"}", "/pattern: is no pattern of the simple kind"},
        {"{\"pattern\":\"[a\"}", "/pattern: is no pattern of the simple kind"},
        {"{\"$ref\":\"#/$defs/none\"}", "/$ref: leads nowhere: it must be \"#/$defs/NAME\""},
        {"{\"$ref\":\"https://example.com/x\"}", "/$ref: leads nowhere: it must be \"#/$defs/NAME\""},
        {"{\"$defs\":{\"a\":{\"$ref\":\"#/$defs/b\"},\"b\":{\"$ref\":\"#/$defs/a\"}}}", "/$defs/a/$ref: leads nowhere: it must be \"#/$defs/NAME\""},
        {"{\"enum\":[]}", "/enum: must be a list of values"},
        {"[]", "a schema is an object"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err err = {0};
        struct slice schema = slice_of(cases[i].schema);
        assert_int_equal(json_check(schema.data, schema.length, &json_rules_config, &err), RC_OK);
        enum rc rc = json_schema_check(schema, &err);
        assert_int_equal(rc, cases[i].problem ? RC_PERM : RC_OK);
        if (cases[i].problem)
            assert_string_equal(err.text, cases[i].problem);
    }
}

static void test_values(void **state) {
    (void)state;
    static const char person[] = "{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":3},\"age\":{\"type\":["
                                 "\"integer\",\"null\"],\"minimum\":0}},"
                                 "\"required\":[\"name\",\"age\"],\"additionalProperties\":false}";
    static const char list[] =
        "{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/d\"},\"minItems\":1,\"maxItems\":2,\"$defs\":{\"d\":{\"type\":\"string\",\"format\":\"date\"}}}";
    static const struct {
        const char *schema, *value, *problem;
    } cases[] = {
        {"{}", "[1,{\"a\":null}]", NULL},
        {person, "{\"name\":\"Zoë\",\"age\":3}", NULL},
        {person, "{\"age\":null,\"\\u006eame\":\"x\"}", NULL},
        {person, "{\"name\":\"Zoë\",\"age\":3.0}", NULL},
        {person, "{\"name\":\"Zoë\",\"age\":3.5}", "/age: is of another type than [\"integer\",\"null\"]"},
        {person, "{\"name\":\"Zoë\",\"age\":-1}", "/age: is too small"},
        {person, "{\"name\":\"\",\"age\":1}", "/name: is too short"},
        {person, "{\"name\":\"Zoës\",\"age\":1}", "/name: is too long"},
        {person, "{\"name\":\"a\"}", "the root: lacks \"age\""},
        {person, "{\"name\":\"a\",\"age\":1,\"x\":2}", "/x: is not foreseen"},
        {person, "null", "the root: is of another type than \"object\""},
        {person, "[]", "the root: is of another type than \"object\""},
        {list, "[\"2019-02-28\"]", NULL},
        {list, "[\"2019-02-29\"]", "/0: is no date (YYYY-MM-DD)"},
        {list, "[\"2019-02-28\",\"25 March 2019\"]", "/1: is no date (YYYY-MM-DD)"},
        {list, "[]", "the root: has too few elements"},
        {list, "[\"2019-02-28\",\"2019-02-28\",\"2019-02-28\"]", "the root: has too many elements"},
        {"{\"enum\":[\"a\",1,{\"x\":[1]}]}", "1.0", NULL},
        {"{\"enum\":[\"a\",1,{\"x\":[1]}]}", "{\"x\":[1.0]}", NULL},
        {"{\"enum\":[\"a\",1]}", "\"A\"", "the root: is none of the values that are allowed"},
        {"{\"enum\":[\"a\",1]}", "\"1\"", "the root: is none of the values that are allowed"},
        {"{\"const\":null}", "0", "the root: is not the value that is wanted"},
        {"{\"pattern\":\"^[A-Z]{3}$\"}", "\"GBP\"", NULL},
        {"{\"pattern\":\"^[A-Z]{3}$\"}", "\"GBPX\"", "the root: is not of the form wanted"},
        {"{\"pattern\":\"^[A-Z]{3}$\"}", "12", NULL}, /* of texts alone */
        {"{\"exclusiveMinimum\":0,\"exclusiveMaximum\":10}", "0", "the root: is too small"},
        {"{\"exclusiveMinimum\":0,\"exclusiveMaximum\":10}", "10", "the root: is too large"},
        {"{\"type\":\"number\"}", "1e999", "the root: is too large"},
        {"{\"type\":\"boolean\"}", "false", NULL},
        {"{\"properties\":{\"a\":{\"properties\":{\"b\":{\"type\":\"null\"}}}}}", "{\"a\":{\"b\":1}}", "/a/b: is of another type than \"null\""},
        {"{\"additionalProperties\":true}", "{\"a\":1}", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err err = {0};
        struct slice schema = slice_of(cases[i].schema), value = slice_of(cases[i].value);
        assert_int_equal(json_schema_check(schema, &err), RC_OK);
        assert_int_equal(json_check(value.data, value.length, &json_rules_payload, &err), RC_OK);
        enum rc rc = json_schema_validate(schema, value, &err);
        if (rc != (cases[i].problem ? RC_PERM : RC_OK))
            fail_msg("%s against %s: %s", cases[i].value, cases[i].schema, err.text);
        if (cases[i].problem)
            assert_string_equal(err.text, cases[i].problem);
    }
}

static void test_depth(void **state) {
    (void)state;
    /* A schema that leads into itself goes as deep as the value. */
    static const char schema[] = "{\"$ref\":\"#/$defs/n\",\"$defs\":{\"n\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/n\"}}}}";
    char value[401];
    struct err err = {0};
    assert_int_equal(json_schema_check(slice_of(schema), &err), RC_OK);
    for (int i = 0; i < 200; i++) {
        value[i] = '[';
        value[399 - i] = ']';
    }
    assert_int_equal(json_schema_validate(slice_of(schema), (struct slice){.data = value + 100, .length = 200}, &err), RC_OK);
    assert_int_equal(json_schema_validate(slice_of(schema), (struct slice){.data = value, .length = 400}, &err), RC_PERM);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_keywords), cmocka_unit_test(test_values), cmocka_unit_test(test_depth)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
