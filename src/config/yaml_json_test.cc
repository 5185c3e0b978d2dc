// SPDX-License-Identifier: Apache-2.0
// YAML to JSON: kinds of scalars, nesting, errors.
#include "config/yaml_json.h"

#include <gtest/gtest.h>

namespace melon::config {
namespace {

TEST(YamlToJson, KeepsKindsAndOrder) {
  EXPECT_EQ(yaml_to_json("{b: 1, a: [true, null, 1.5, text, '200', \"true\"]}").value(),
            R"({"b":1,"a":[true,null,1.5,"text","200","true"]})");
}

TEST(YamlToJson, LargeNumbersStayWhole) {
  EXPECT_EQ(yaml_to_json("9223372036854775807").value(), "9223372036854775807");
}

TEST(YamlToJson, RefusesWhatIsNoYaml) {
  EXPECT_EQ(yaml_to_json("a: [1").error().code, Code::kInvalidArgument);
}

}  // namespace
}  // namespace melon::config
