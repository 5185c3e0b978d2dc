// SPDX-License-Identifier: Apache-2.0
// Every form of a quantity that is accepted or refused, and the laws between text and value.
#include "base/quantity_text.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <fmt/format.h>

namespace melon {
namespace {

constexpr std::int64_t kLargestMiB = std::int64_t{1} << 40;

struct Form {
  std::string_view text;
  std::int64_t mib;
};

TEST(ParseMemory, ReadsEveryFormPeopleWrite) {
  constexpr Form kForms[] = {
      {"512MiB", 512},
      {"512Mi", 512},
      {"512 MiB", 512},
      {"4096", 4096},
      {"0.5GiB", 512},
      {"1.5GiB", 1536},
      {"1Ti", 1 << 20},
      {"1TiB", 1 << 20},
      {"1024Ki", 1},
      {"1025KiB", 2},
      {"1.0001", 2},
      {"007", 7},
      {"2G", 1908},  // 2 * 10^9 bytes are 1907.35 MiB
      {"1T", 953675},
      {"1049k", 2},
      {"100M", 96},
      {"1.000000000000", 1},
      {"1048576TiB", kLargestMiB},
  };
  for (const Form& form : kForms) {
    const auto memory = parse_memory(form.text);
    ASSERT_TRUE(memory) << form.text << ": " << memory.error().message;
    EXPECT_EQ(memory->absolute, MiB(form.mib)) << form.text;
    EXPECT_FALSE(memory->of_device) << form.text;
  }
}

TEST(ParseMemory, ReadsAShareOfTheDevice) {
  const auto quarter = parse_memory("25%");
  ASSERT_TRUE(quarter);
  EXPECT_EQ(quarter->of_device, Permille(250));
  EXPECT_EQ(quarter->on(MiB(4000)), MiB(1000));
  EXPECT_EQ(parse_memory("0.1%")->on(MiB(10)), MiB(1)) << "never below 1 MiB";
  EXPECT_EQ(parse_memory("33.3%")->on(MiB(1000)), MiB(333));
}

TEST(ParseMemory, RefusesTheRestAndSaysWhatIsAccepted) {
  constexpr std::string_view kBad[] = {"",
                                       "0",
                                       "0MiB",
                                       "0%",
                                       "-1",
                                       "-1GiB",
                                       "+1",
                                       "MiB",
                                       "1MB",
                                       "512mb",
                                       "1gib",
                                       "1Mib",
                                       "1 Mi ",
                                       " 1Mi",
                                       "1e3",
                                       "1.",
                                       ".5GiB",
                                       "1.5.5",
                                       "0x10",
                                       "1GiBs",
                                       "1,5GiB",
                                       "12 34",
                                       "0.5",
                                       "1M",
                                       "1023KiB",
                                       "inf",
                                       "nan",
                                       "100.1%",
                                       "0.05%",
                                       "25.55%",
                                       "25%%",
                                       "1048577TiB",
                                       "99999999999999999999999999",
                                       "0.00001",
                                       "1\n",
                                       "1m",
                                       "1K",
                                       "1048576.000001TiB",
                                       "340282366920938463463374607432"};
  for (const std::string_view text : kBad) {
    const auto memory = parse_memory(text);
    ASSERT_FALSE(memory) << "accepted '" << text << "' as " << to_text(*memory);
    EXPECT_EQ(memory.error().code, Code::kInvalidArgument) << text;
    EXPECT_NE(memory.error().message.find(text), std::string::npos) << memory.error().message;
    EXPECT_NE(memory.error().remedy.find("512MiB"), std::string::npos) << text;
  }
}

TEST(ParseMemory, PointsAtTheLikelySpelling) {
  EXPECT_NE(parse_memory("1gib").error().message.find("GiB"), std::string::npos);
  EXPECT_NE(parse_memory("1MB").error().message.find("MiB"), std::string::npos);
}

TEST(ParseCompute, ReadsPercentages) {
  EXPECT_EQ(*parse_compute("25%"), Permille(250));
  EXPECT_EQ(*parse_compute("12.5%"), Permille(125));
  EXPECT_EQ(*parse_compute("0.1%"), Permille(1));
  EXPECT_EQ(*parse_compute("100%"), kWholeDevice);
  EXPECT_EQ(*parse_compute("25 %"), Permille(250));
}

TEST(ParseCompute, RefusesTheRestAndSaysWhatIsAccepted) {
  for (const std::string_view text : {"25", "", "%", "0%", "-5%", "101%", "100.1%", "0.01%",
                                      "12.34%", "25percent", "1GiB", "2.5e1%", "25%x"}) {
    const auto compute = parse_compute(text);
    ASSERT_FALSE(compute) << text;
    EXPECT_EQ(compute.error().code, Code::kInvalidArgument);
    EXPECT_NE(compute.error().remedy.find("12.5%"), std::string::npos) << text;
  }
  EXPECT_NE(parse_compute("25").error().remedy.find("write 25%"), std::string::npos);
}

TEST(ParsePercentage, HasTheBoundThatTheCallerSets) {
  EXPECT_EQ(*parse_percentage("overcommit", "150%", Permille(2000)), Permille(1500));
  const auto more = parse_percentage("overcommit", "200.1%", Permille(2000));
  ASSERT_FALSE(more);
  EXPECT_NE(more.error().message.find("200%"), std::string::npos);
}

TEST(ToText, IsShortAndExact) {
  EXPECT_EQ(to_text(MiB(512)), "512 MiB");
  EXPECT_EQ(to_text(MiB(1024)), "1 GiB");
  EXPECT_EQ(to_text(MiB(1536)), "1.5 GiB");
  EXPECT_EQ(to_text(MiB(1280)), "1.25 GiB");
  EXPECT_EQ(to_text(MiB(1025)), "1025 MiB");
  EXPECT_EQ(to_text(MiB(3 << 19)), "1.5 TiB");
  EXPECT_EQ(to_text(MiB(0)), "0 MiB");
  EXPECT_EQ(to_text(Permille(250)), "25%");
  EXPECT_EQ(to_text(Permille(125)), "12.5%");
  EXPECT_EQ(to_text(Permille(1)), "0.1%");
}

RC_GTEST_PROP(QuantityText, MemoryReadsBackWhatItWrote, ()) {
  const MiB memory(*rc::gen::inRange<std::int64_t>(1, kLargestMiB + 1));
  const auto back = parse_memory(to_text(memory));
  RC_ASSERT(back.has_value());
  RC_ASSERT(back->absolute == memory);
}

RC_GTEST_PROP(QuantityText, RoundMemoryReadsBackWhatItWrote, ()) {
  const MiB memory(*rc::gen::inRange<std::int64_t>(1, std::int64_t{1} << 30) * 256);
  RC_ASSERT(parse_memory(to_text(memory))->absolute == memory);
}

RC_GTEST_PROP(QuantityText, SharesReadBackWhatTheyWrote, ()) {
  const Permille share(*rc::gen::inRange<std::int64_t>(1, 1001));
  RC_ASSERT(*parse_compute(to_text(share)) == share);
  const MemoryAmount memory{MiB(0), share};
  RC_ASSERT(*parse_memory(to_text(memory)) == memory);
}

RC_GTEST_PROP(QuantityText, MoreIsNeverLess, ()) {
  const auto a = *rc::gen::inRange<std::int64_t>(1'049'000, 1'000'000'000);
  const auto b = *rc::gen::inRange<std::int64_t>(1'049'000, 1'000'000'000);
  const std::string unit = *rc::gen::element<std::string>("k", "Ki", "KiB", "M", "Mi");
  const auto first = parse_memory(fmt::format("{}{}", a, unit));
  const auto second = parse_memory(fmt::format("{}{}", b, unit));
  RC_ASSERT(first.has_value() && second.has_value());
  const bool in_order =
      a <= b ? first->absolute <= second->absolute : first->absolute >= second->absolute;
  RC_ASSERT(in_order);
}

RC_GTEST_PROP(QuantityText, ForeignTextNeverCrashes, (const std::string& text)) {
  if (const auto memory = parse_memory(text); memory && !memory->of_device) {
    RC_ASSERT(memory->absolute >= MiB(1));
    RC_ASSERT(memory->absolute <= MiB(kLargestMiB));
  }
  (void)parse_compute(text);
}

}  // namespace
}  // namespace melon
