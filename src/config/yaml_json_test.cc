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

// yaml-cpp takes nothing of these and says each time that a document began.
TEST(YamlToJson, TextBeforeWhichNoDocumentCanBeginEnds) {
  const auto take = [](std::string, int) -> Result<> { return {}; };
  for (const char* const text : {",=", "]", "}", "a: 1\n---\n,"})
    EXPECT_FALSE(yaml_documents_to_json(text, take)) << text;
  EXPECT_TRUE(yaml_documents_to_json("---\n---\na: 1\n...\n---\nb: 2\n", take));
}

}  // namespace
}  // namespace melon::config
