// SPDX-License-Identifier: Apache-2.0
// Drawings: every curve is in every panel, and names can not break out.
#include "simulate/plot.h"

#include <gtest/gtest.h>

namespace melon::simulate {
namespace {

std::size_t count(const std::string& text, std::string_view what) {
  std::size_t found = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++found;
  return found;
}

TEST(Plot, DrawsEveryCurveInEveryPanel) {
  Curve curve;
  curve.levels = {{0, {.allocated = 0}}, {100, {.allocated = 95, .fragmented_idle = 99}}};
  const std::string svg = to_svg({{"fgd", curve}, {"a<b&c", curve}});
  EXPECT_EQ(count(svg, "stroke-width=\"1.5\""), 6U);
  EXPECT_EQ(count(svg, "<g "), count(svg, "</g>"));
  EXPECT_NE(svg.find("a&lt;b&amp;c"), std::string::npos);
  // 100 % arrived and 95 of 100 % allocated: 50 + 100/130 of 360, 50 + 5 % of 260.
  EXPECT_NE(svg.find("L326.9 63.0"), std::string::npos) << svg;
  EXPECT_TRUE(to_html({}).starts_with("<!doctype html>"));
}

}  // namespace
}  // namespace melon::simulate
