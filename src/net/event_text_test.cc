// SPDX-License-Identifier: Apache-2.0
// Server-sent events survive the wire, however it cuts them.
#include "net/event_text.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace melon::net {
namespace {

TEST(EventText, ReadsTheStandardsForms) {
  EventReader reader;
  const auto events = reader.feed(
      ": comment\r\n\r\nid:7\r\nevent: grant\r\ndata: one\r\ndata:two\r\nretry: "
      "5\r\n\r\ndata\r\rid: 8\n\n");
  ASSERT_EQ(events.size(), 2u);  // an event without data is none
  EXPECT_EQ(events[0].id, "7");
  EXPECT_EQ(events[0].type, "grant");
  EXPECT_EQ(events[0].data, "one\ntwo");
  EXPECT_EQ(events[1].data, "");
}

TEST(EventText, AFieldCannotForgeAnother) {
  EventReader reader;
  const auto events =
      reader.feed(to_text({.id = "1\ndata: forged", .type = "a\rid: 9", .data = "x"}));
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].data, "x");
  EXPECT_EQ(events[0].id, "1data: forged");
}

RC_GTEST_PROP(EventText, SurvivesAnyCut, (const std::vector<std::uint8_t>& cuts)) {
  const auto letters = rc::gen::container<std::string>(rc::gen::elementOf(std::string("ab: \n{}")));
  const auto data = *letters;
  const std::string text = to_text({.id = "5", .type = "grant", .data = data});
  EventReader reader;
  std::vector<Event> events;
  std::string_view rest = text;
  for (const std::size_t cut : cuts) {
    const auto part = reader.feed(rest.substr(0, cut));
    events.insert(events.end(), part.begin(), part.end());
    rest.remove_prefix(std::min(cut, rest.size()));
  }
  const auto part = reader.feed(rest);
  events.insert(events.end(), part.begin(), part.end());
  RC_ASSERT(events.size() == 1u);
  RC_ASSERT(events[0].data == data);
  RC_ASSERT(events[0].id == "5");
}

}  // namespace
}  // namespace melon::net
