// SPDX-License-Identifier: Apache-2.0
// YAML with places: what is read, and what is refused where.
#include "config/document.h"

#include <gtest/gtest.h>

#include <string>

namespace melon::config {
namespace {

/// "LINE: rest of the message" of a refused text.
std::string refusal_of(const std::string& text) {
  const auto document = parse_yaml("f", text);
  if (document) return "accepted";
  EXPECT_EQ(document.error().code, Code::kInvalidArgument);
  EXPECT_FALSE(document.error().remedy.empty());
  EXPECT_TRUE(document.error().message.starts_with("f:")) << document.error().message;
  return document.error().message.substr(2);
}

TEST(ParseYaml, KeepsOrderTextAndLines) {
  const auto document = parse_yaml("f", "a: 1\nb:\n  - x\n  - {c: 2}\nd:\n");
  ASSERT_TRUE(document);
  ASSERT_EQ(document->kind, Document::Kind::kMapping);
  EXPECT_EQ(document->find("a")->scalar, "1");
  EXPECT_EQ(document->find("b")->line, 2);
  EXPECT_EQ(document->find("b")->items.at(0).scalar, "x");
  EXPECT_EQ(document->find("b")->items.at(1).find("c")->line, 4);
  EXPECT_EQ(document->find("d")->kind, Document::Kind::kNull);
  EXPECT_EQ(document->find("e"), nullptr);
  EXPECT_EQ(parse_yaml("f", "")->kind, Document::Kind::kNull);
}

TEST(ParseYaml, RefusesWithThePlace) {
  EXPECT_TRUE(refusal_of("a: 1\nb: [1\n").starts_with("3: not YAML"));
  EXPECT_TRUE(refusal_of("a: 1\nb: 2\na: 3\n").starts_with("3: key 'a' is given twice"));
  EXPECT_TRUE(refusal_of("a: 1\n---\nb: 2\n").starts_with("2: something follows"));
  EXPECT_TRUE(refusal_of(",").starts_with("1: something follows"));
  EXPECT_TRUE(refusal_of("? [x]\n: 1\n").starts_with("1: a key"));
  EXPECT_TRUE(refusal_of("a: *b\n").starts_with("1: not YAML"));
  EXPECT_TRUE(refusal_of("\ta: 1").starts_with("1: not YAML"));
}

TEST(ParseYaml, IsBounded) {
  std::string deep;
  for (int i = 0; i < 40; ++i) deep += '[';
  for (int i = 0; i < 40; ++i) deep += ']';
  EXPECT_NE(refusal_of(deep).find("nested"), std::string::npos);
  EXPECT_NE(refusal_of(std::string(2U << 20, ' ')).find("1 MiB"), std::string::npos);
  // Each level doubles what the one before holds: 2^14 values from a few lines.
  std::string laughs = "a0: &a0 [x, x]\n";
  for (int i = 1; i < 14; ++i)
    laughs += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [*a" +
              std::to_string(i - 1) + ", *a" + std::to_string(i - 1) + "]\n";
  EXPECT_NE(refusal_of(laughs).find("more than 10000 values"), std::string::npos);
}

}  // namespace
}  // namespace melon::config
