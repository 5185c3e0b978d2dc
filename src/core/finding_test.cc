// SPDX-License-Identifier: Apache-2.0
// The table of findings and what is made of it.
#include "core/finding.h"

#include <gtest/gtest.h>

#include <set>

namespace melon::core {
namespace {

TEST(Findings, EveryRowIsWholeAndItsCodeItsOwn) {
  std::set<std::string_view> codes;
  for (const FindingKind& kind : kFindings) {
    EXPECT_TRUE(codes.insert(kind.code).second) << kind.code;
    EXPECT_FALSE(kind.meaning.empty()) << kind.code;
    EXPECT_FALSE(kind.remedy.empty()) << kind.code;
  }
}

TEST(Findings, TheRemedyIsFilledInFromTheFaultFirst) {
  const Fault fault{.code = "opencl_driver_crashes",
                    .message = "it crashed",
                    .values = {{"driver", "/a"}, {"disabled_driver", "/b"}}};
  const Finding finding = explain(fault, {{"driver", "/c"}, {"as_root", ""}, {"restart", "again"}});
  EXPECT_EQ(finding.code, "opencl_driver_crashes");
  EXPECT_EQ(finding.severity, "error");
  EXPECT_EQ(finding.message, "it crashed");
  EXPECT_EQ(finding.remedy, "mv /a /b && again");
  EXPECT_EQ(explain(fault).remedy, "{as_root}mv /a /b && {restart}");
}

TEST(Findings, TextWithoutNamesStaysAsItIs) {
  const auto shout = [](std::string_view name) { return std::string(name) + "!"; };
  EXPECT_EQ(fill_in("", shout), "");
  EXPECT_EQ(fill_in("a {b} c", shout), "a b! c");
  EXPECT_EQ(fill_in("{b", shout), "");
}

}  // namespace
}  // namespace melon::core
