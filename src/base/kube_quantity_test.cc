// SPDX-License-Identifier: Apache-2.0
// Quantities of Kubernetes: every form, rounding, and the limits of 64 bits.
#include "base/kube_quantity.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <limits>

namespace melon {
namespace {

TEST(KubeQuantity, ReadsEveryForm) {
  struct Case {
    std::string_view text;
    std::int64_t whole;
    std::int32_t billionths = 0;
  };
  constexpr Case kCases[] = {
      {"0", 0},
      {"3000", 3000},
      {"+5", 5},
      {"-1", -1},
      {"8k", 8000},
      {"16Gi", 17179869184},
      {"16.0Gi", 17179869184},
      {"500Mi", 524288000},
      {"1G", 1'000'000'000},
      {"1500m", 1, 500'000'000},
      {"-1500m", -2, 500'000'000},
      {"1.5", 1, 500'000'000},
      {".5", 0, 500'000'000},
      {"5.", 5},
      {"1n", 0, 1},
      {"0.1n", 0, 1},  // finer than a billionth: away from zero
      {"0.00000000000000000000000001", 0, 1},
      {"0.50000000000000000000000000", 0, 500'000'000},
      {"12e3", 12000},
      {"12E3", 12000},
      {"1E", 1'000'000'000'000'000'000},
      {"1e-3", 0, 1'000'000},
      {"1e+2", 100},
      {"7Ei", 8070450532247928832},
      {"9223372036854775807", std::numeric_limits<std::int64_t>::max()},
      {"00000000000000000000000000000007", 7},
      {"0e100", 0},
  };
  for (const Case& one : kCases) {
    const auto quantity = parse_kube_quantity(one.text);
    ASSERT_TRUE(quantity) << one.text << ": " << quantity.error().message;
    EXPECT_EQ(quantity->whole, one.whole) << one.text;
    EXPECT_EQ(quantity->billionths, one.billionths) << one.text;
  }
}

TEST(KubeQuantity, RefusesWhatIsNone) {
  for (const std::string_view text :
       {"",
        "-",
        ".",
        "x",
        "1 ",
        " 1",
        "1KB",
        "1ki",
        "1Kib",
        "1..2",
        "1e",
        "1e+",
        "1e1.5",
        "1e--1",
        "--1",
        "0x10",
        "1e+-2",
        "8Ei",
        "9223372036854775808",
        "1e30",
        "99999999999999999999999",
        "1000000000000000000000000000000000000000000000000000000000000000000"}) {
    const auto quantity = parse_kube_quantity(text);
    ASSERT_FALSE(quantity) << text;
    EXPECT_EQ(quantity.error().code, Code::kInvalidArgument);
    EXPECT_FALSE(quantity.error().remedy.empty());
  }
}

TEST(KubeQuantity, RoundsUpLikeKubernetes) {
  EXPECT_EQ(parse_kube_quantity("1500m")->rounded_up(), 2);
  EXPECT_EQ(parse_kube_quantity("-1500m")->rounded_up(), -1);
  EXPECT_EQ(parse_kube_quantity("2")->rounded_up(), 2);
}

RC_GTEST_PROP(KubeQuantity, WholeNumbersReadBack, (std::int64_t number)) {
  RC_PRE(number != std::numeric_limits<std::int64_t>::min());
  const auto quantity = parse_kube_quantity(std::to_string(number));
  RC_ASSERT(bool(quantity));
  RC_ASSERT(quantity->whole == number);
  RC_ASSERT(quantity->is_integer());
}

}  // namespace
}  // namespace melon
